// Events as a sequence of CBOR (RFC 8742): each item is an event's bytes as a byte string with tag 24 (RFC 8949, 3.4.5.1), so that a reader knows
// where it ends before it looks inside; null is a sign of life. Nothing in it becomes text.
import { joined } from '../base/bytes.js'
import { invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { decodeCbor, EMBEDDED, encodeEmbedded, LIMITS } from './cbor.js'

/** Its media type. */
export const SEQUENCE = 'application/cbor-seq'
/** A sign of life. */
export const ALIVE = Uint8Array.of(0xf6)

const TAG = 0xd8

/** An event as an item. */
export const sequenceItem = (event: WireEvent): Uint8Array => encodeEmbedded(event)

/** An event as it comes; `undefined`: it has no number of its own. */
export interface WireEvent {
  readonly id: number | undefined
  readonly event: string
  readonly data: object
}

/** The event of an item. Throws `request/invalid`. */
export function eventOf(item: Uint8Array): WireEvent {
  const [found] = new SequenceReader().take(item)
  if (!found) throw invalid('events: expected an event, got none')
  return found
}

/** What is not whole yet of a sequence that comes in pieces. */
export class SequenceReader {
  #pieces: Uint8Array[] = []
  #length = 0
  #needed = 1 // bytes from which on it is worth to look again

  /** Events that end in this piece. Throws `request/invalid` for what is no such sequence. */
  take(piece: Uint8Array): WireEvent[] {
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length < this.#needed) return []
    const bytes = joined(this.#pieces)
    const events: WireEvent[] = []
    let at = 0
    for (this.#needed = 1; at < bytes.length;) {
      if (bytes[at] === ALIVE[0]) {
        at++
        continue
      }
      const [begin, end] = boundsOf(bytes, at)
      if (end > bytes.length) {
        this.#needed = end - at
        break
      }
      events.push(checked(decodeCbor(bytes.subarray(begin, end))))
      at = end
    }
    this.#pieces = at < bytes.length ? [bytes.subarray(at)] : []
    this.#length = bytes.length - at
    return events
  }
}

// Where the event of the item at `at` begins and ends. What is not there yet counts as more than is there.
function boundsOf(bytes: Uint8Array, at: number): [begin: number, end: number] {
  const [tag, embedded, head] = bytes.subarray(at, at + 3)
  if (tag !== TAG || (embedded ?? EMBEDDED) !== EMBEDDED || (head ?? 0x40) >> 5 !== 2)
    throw invalid('events: expected a sequence of CBOR, got other bytes')
  if (head === undefined) return [at + 3, at + 3]
  const info = head & 31
  const size = info < 24 ? 0 : 2 ** (info - 24)
  const begin = at + 3 + size
  if (size > 8) throw invalid('events: expected a definite length, got none')
  if (begin > bytes.length) return [begin, begin]
  let length = info
  if (size > 0) length = bytes.subarray(begin - size, begin).reduce((sum, byte) => sum * 256 + byte, 0)
  if (length > LIMITS.maxBytes) throw invalid(`events: expected at most ${LIMITS.maxBytes} bytes, got ${length}`)
  return [begin, begin + length]
}

function checked(found: unknown): WireEvent {
  const { id, event, data } = isObject(found) ? found : {}
  if (typeof event !== 'string' || !isObject(data) || (id !== undefined && typeof id !== 'number'))
    throw invalid('events: expected { id, event, data }, got something else')
  return { id, event, data }
}
