// The events of one run: numbered, kept for whoever comes late or comes back, within a budget of bytes; the oldest are forgotten first, and a
// reader is told how many it missed. Numbers count from 1, or are those of whoever keeps the run, the same on every server; what only this
// server says has none of its own then. What is kept is bytes (docs/wire.md): a step as objects would be larger, and nobody could say how
// large.
import { toJson } from '../../base/json.js'
import { eventOf, sequenceItem } from '../../wire/sequence.js'
import type { EventNumber } from '../../run/event-numbers.js'

export type EventName = 'state' | 'step' | 'done' | 'error'

export interface RunEvent {
  /** undefined: none of its own. */
  readonly id: number | undefined
  readonly name: EventName
  /** As an item of a sequence of CBOR, number and name included. */
  readonly item: Uint8Array
  /** Its data as JSON. */
  readonly text: () => string
}

/** Where a reader is. */
export interface Cursor {
  /** How many events it has, or has missed. */
  at: number
}

interface Entry {
  readonly name: EventName
  readonly id: number | undefined
  /** Events before it that were never here. */
  readonly forgotten: number
  readonly item: Uint8Array
}

/** What an event takes beside its bytes, about. */
const ENTRY_BYTES = 256

export class EventLog {
  readonly #maxBytes: number
  readonly #entries: (Entry | undefined)[] = []
  readonly #ends: number[] = [] // the number that a reader has come to with each event, forgotten ones too
  readonly #waiting = new Set<() => void>()
  #first = 0 // the oldest event that is still here
  #bytes = 0
  #newest: { readonly at: number; readonly text: string } | undefined // made once for all who follow at the same pace
  #closed = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** How much memory it holds, about. */
  get bytes(): number {
    return this.#bytes
  }

  /** Nothing will follow. */
  get closed(): boolean {
    return this.#closed
  }

  /** How many events there were. */
  get length(): number {
    return this.#entries.length
  }

  /** The number that a reader has come to with the last event. */
  get last(): number {
    return this.#ends.at(-1) ?? 0
  }

  /** `data`: plain. `kept`: its number, if not the next one; 'none': it has none of its own. */
  append(name: EventName, data: object, kept?: EventNumber | 'none'): void {
    const before = this.last
    const { number = 0, forgotten = 0 } = kept === 'none' ? {} : (kept ?? {})
    const id = kept === 'none' ? undefined : Math.max(before + 1, number)
    const entry = { name, id, forgotten, item: sequenceItem({ id, event: name, data }) }
    this.#entries.push(entry)
    this.#ends.push(id ?? before)
    this.#bytes += sizeOf(entry)
    while (this.#bytes > this.#maxBytes && this.#first < this.#entries.length - 1) this.#forget()
    this.#wake()
  }

  /** Where a reader is who has the event of this number. Events without one that came after it are told (again). */
  position(number: number): number {
    let at = this.#ends.length
    const isAfter = (i: number): boolean => this.#ends[i]! > number || (this.#ends[i] === number && !this.#isNumbered(i))
    while (at > 0 && isAfter(at - 1)) at--
    return at
  }

  #isNumbered(i: number): boolean {
    return this.#ends[i]! > (this.#ends[i - 1] ?? 0)
  }

  close(): void {
    this.#closed = true
    this.#newest = undefined
    this.#wake()
  }

  /** The event after a reader's last one, and how many before it were forgotten here, and before this log began; undefined: none yet. */
  after({ at }: Cursor): { readonly event: RunEvent; readonly missed: number; readonly forgotten: number } | undefined {
    const next = Math.max(at, this.#first)
    const entry = this.#entries[next]
    if (!entry) return undefined
    const { id, name, item, forgotten } = entry
    return { event: { id, name, item, text: () => this.#textOf(next, item) }, missed: next - at, forgotten }
  }

  /** What is kept of the events of a name, the oldest first. */
  *data(name: EventName): Generator<object> {
    for (const entry of this.#entries.slice(this.#first)) if (entry?.name === name) yield eventOf(entry.item).data
  }

  #textOf(at: number, item: Uint8Array): string {
    if (this.#newest?.at === at) return this.#newest.text
    const text = JSON.stringify(toJson(eventOf(item).data))
    if (!this.#closed) this.#newest = { at, text }
    return text
  }

  /** Calls back with the next event or the end. Returns what takes that back. */
  onChange(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }

  #forget(): void {
    this.#bytes -= sizeOf(this.#entries[this.#first]!)
    this.#entries[this.#first] = undefined
    this.#first++
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of waiting) callback()
  }
}

const sizeOf = ({ item }: Entry): number => ENTRY_BYTES + item.length
