// A native run of our own, waited for to its end: the probes that judge candidates.
import type { NativeOutcome, NativeRun } from './binding.js'
import { breathe } from '../base/breathe.js'
import { fromNative } from '../base/errors.js'
import { onAbort } from '../base/signals.js'

// The addon holds a run only through its handle.
const held = new Set<NativeRun>()

/** The outcome of a run that is done. Rejects with its error, or with the signal's reason, which cancels it. */
async function outcomeOf(start: (wake: () => void) => NativeRun, signal: AbortSignal): Promise<NativeOutcome> {
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

/** Several, begun one after the other with turns of the event loop between, as each takes a millisecond or two of it. */
export async function outcomesOf(starts: readonly ((wake: () => void) => NativeRun)[], signal: AbortSignal): Promise<NativeOutcome[]> {
  const begun: Promise<NativeOutcome>[] = []
  for (const start of starts) {
    const outcome = outcomeOf(start, signal)
    outcome.catch(() => undefined) // it is heard of below
    begun.push(outcome)
    await breathe()
  }
  return Promise.all(begun)
}
