// A native run of our own, waited for to its end: the probes that judge candidates.
import type { NativeOutcome, NativeRun } from './binding.js'
import { fromNative } from '../base/errors.js'
import { onAbort } from '../base/signals.js'

// The addon holds a run only through its handle.
const held = new Set<NativeRun>()

/** The outcome of a run that is done. Rejects with its error, or with the signal's reason, which cancels it. */
export async function outcomeOf(start: (wake: () => void) => NativeRun, signal: AbortSignal): Promise<NativeOutcome> {
  signal.throwIfAborted()
  let wake = (): void => undefined
  let run: NativeRun
  try {
    run = start(() => wake())
  } catch (error) {
    throw fromNative(error)
  }
  const release = onAbort(signal, () => run.cancel())
  held.add(run)
  try {
    let outcome = run.outcome()
    while (!outcome) {
      await new Promise<void>((resolve) => (wake = resolve))
      outcome = run.outcome()
    }
    if (outcome.state === 'failed') throw fromNative(outcome.error)
    signal.throwIfAborted()
    if (outcome.state === 'aborted') throw new DOMException('The run was aborted', 'AbortError')
    return outcome
  } finally {
    held.delete(run)
    release()
  }
}
