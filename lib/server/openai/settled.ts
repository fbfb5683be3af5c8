// The text of a run as far as it is final, piece by piece. What may still change is never given out; neither is what could be the
// beginning of a text at which the answer is to stop.
import type { HeldRun } from '../runs/held-run.js'

export class Settled {
  readonly #stops: readonly string[]
  #sent = 0

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /** What can be given out now that the text is final up to here; `isWhole`: nothing follows. */
  next(text: string, isWhole: boolean): string {
    const end = this.#upTo(text, isWhole)
    if (end <= this.#sent) return ''
    const piece = text.slice(this.#sent, end)
    this.#sent = end
    return piece
  }

  #upTo(text: string, isWhole: boolean): number {
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
    if (found.length > 0) return Math.min(...found)
    if (isWhole) return text.length
    const end = text.length - Math.max(0, ...this.#stops.map((stop) => stop.length - 1))
    const last = text.charCodeAt(end - 1)
    return last >= 0xd800 && last < 0xdc00 ? end - 1 : end // both halves of a character together
  }
}

/** Sends what settles while the run goes on. Returns what waits for the last piece that was begun. */
export function sendSettled(run: HeldRun, settled: Settled, send: (piece: string) => Promise<void>): () => Promise<void> {
  let sent = Promise.resolve()
  const stop = run.onStep((step) => {
    if (step.kind !== 'text') return
    const piece = settled.next(step.settled, false)
    if (piece !== '') sent = sent.then(() => send(piece))
  })
  return async () => {
    stop()
    await sent
  }
}

/** The text up to where it is to stop, and whether it stopped there. */
export function cut(text: string, stops: readonly string[]): { readonly text: string; readonly stopped: boolean } {
  const kept = new Settled(stops).next(text, true)
  return { text: kept, stopped: kept.length < text.length }
}
