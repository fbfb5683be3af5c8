// Standard output that cannot be written (its reader has gone, the disk is full) ends a command like any other output: one line, exit
// code 1. What goes to files is still finished; answers, which nobody could read, stop.
import { setImmediate as turn } from 'node:timers/promises'
import { DimooError } from '../base/errors.js'
import { outputWords } from '../base/output-error.js'

const watched = new WeakMap<NodeJS.WritableStream, AbortSignal>()

/** Aborted, with an error of ours as its reason, once something could not be written. */
export function outputLost(stream: NodeJS.WritableStream): AbortSignal {
  const known = watched.get(stream)
  if (known) return known
  const controller = new AbortController()
  watched.set(stream, controller.signal)
  stream.on('error', (error: Error) => {
    const message = `output: cannot write to standard output (${outputWords(error)})`
    controller.abort(new DimooError('output/failed', message, { cause: error }))
  })
  return controller.signal
}

/** Resolves when everything is written; rejects where it could not be. */
export async function allWritten(stream: NodeJS.WritableStream): Promise<void> {
  const lost = outputLost(stream)
  if (!lost.aborted) await new Promise<void>((resolve) => stream.write('', () => resolve()))
  await turn() // the event comes after the callback
  lost.throwIfAborted()
}
