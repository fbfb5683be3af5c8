// The events of a run out of a response's body: a sequence of CBOR where the server speaks it, server-sent events where it does not.
import { SEQUENCE, SequenceReader, type WireEvent } from '../wire/sequence.js'
import { readEvents } from './sse.js'

export const ACCEPTED = `${SEQUENCE}, text/event-stream;q=0.5`

/** Its data in a wire message's CBOR form, or its JSON form. */
export type RunEvent = WireEvent

/** Ends where the body ends; throws what reading it throws. `alive` is called for every piece, signs of life included. */
export async function* runEvents({ headers, body }: Response, alive: () => void): AsyncGenerator<RunEvent, void, undefined> {
  if (headers.get('content-type')?.startsWith(SEQUENCE)) yield* itemsOf(body!, alive)
  else {
    for await (const { id, event, data } of readEvents(body!, alive))
      yield { id: id === undefined ? undefined : Number(id), event, data: JSON.parse(data) as object }
  }
}

async function* itemsOf(body: ReadableStream<Uint8Array>, alive: () => void): AsyncGenerator<RunEvent, void, undefined> {
  const reader = body.getReader()
  const sequence = new SequenceReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      alive()
      yield* sequence.take(next.value)
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
