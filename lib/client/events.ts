// The events of a run out of a response's body, a piece at a time.
import { SequenceReader, type WireEvent } from '../wire/sequence.js'

/** Ends where the body ends; throws what reading it throws. `alive` is called for every piece, signs of life included. */
export async function* runEvents({ body }: Response, alive: () => void): AsyncGenerator<WireEvent, void, undefined> {
  const sequence = new SequenceReader()
  for await (const piece of piecesOf(body!)) {
    alive()
    yield* sequence.take(piece)
  }
}

/** What a body brings, in every browser. Whoever leaves early ends it. */
export async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
