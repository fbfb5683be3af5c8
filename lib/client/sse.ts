// Server-sent events out of a response's body, a piece at a time. A large event comes in many pieces: its bytes wait as they are, and each
// line becomes text once.

import { joined } from '../base/bytes.js'

export interface ServerEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

const [LINE_FEED, CARRIAGE_RETURN] = [0x0a, 0x0d]

/** Ends where the body ends; throws what reading it throws. `alive` is called for every piece, signs of life included. */
export async function* readEvents(body: ReadableStream<Uint8Array>, alive: () => void): AsyncGenerator<ServerEvent, void, undefined> {
  const reader = body.getReader()
  const [lines, fields] = [new Lines(), new EventFields()]
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      alive()
      for (const line of lines.of(next.value)) {
        const event = fields.take(line)
        if (event) yield event
      }
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

class Lines {
  #begun: Uint8Array[] = [] // of a line whose end has not come
  readonly #decoder = new TextDecoder()

  #text(last: Uint8Array): string {
    const line = joined([...this.#begun, last])
    this.#begun = []
    return this.#decoder.decode(line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line)
  }

  /** Those that end in this piece. */
  *of(piece: Uint8Array): Generator<string, void, undefined> {
    let at = 0
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, at)) {
      yield this.#text(piece.subarray(at, end))
      at = end + 1
    }
    if (at < piece.length) this.#begun.push(piece.subarray(at))
  }
}

class EventFields {
  #id: string | undefined
  #event = 'message'
  #data: string[] = []

  /** The event, where this line ends one. */
  take(line: string): ServerEvent | undefined {
    if (line === '') return this.#whole()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined // a sign of life
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line.startsWith(' ', colon + 1) ? colon + 2 : colon + 1)
    if (name === 'id') this.#id = value
    else if (name === 'event') this.#event = value
    else if (name === 'data') this.#data.push(value)
    return undefined
  }

  #whole(): ServerEvent | undefined {
    const [id, event, data] = [this.#id, this.#event, this.#data]
    this.#id = undefined
    this.#event = 'message'
    this.#data = []
    return data.length === 0 ? undefined : { id, event, data: data.join('\n') }
  }
}
