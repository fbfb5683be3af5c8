// The events of a run out of a response's body: a sequence of CBOR where the server speaks it, server-sent events where it does not.
import { invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { SEQUENCE, SequenceReader } from '../wire/sequence.js'
import { readEvents } from './sse.js'

export const ACCEPTED = `${SEQUENCE}, text/event-stream;q=0.5`

export interface RunEvent {
  /** undefined: it has no number of its own. */
  readonly id: number | undefined
  readonly event: string
  /** In a wire message's CBOR form, or its JSON form. */
  readonly data: object
}

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
      for (const item of sequence.take(next.value)) yield eventOf(item)
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

function eventOf(item: unknown): RunEvent {
  const { id, event, data } = isObject(item) ? item : {}
  if (typeof event !== 'string' || !isObject(data) || (id !== undefined && typeof id !== 'number'))
    throw invalid('events: expected { id, event, data }, got something else')
  return { id, event, data }
}
