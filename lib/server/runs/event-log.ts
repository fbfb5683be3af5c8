// The events of one run: numbered, kept for whoever comes late or comes back, within a budget of bytes; the oldest are forgotten first, and a
// reader is told how many it missed. Numbers count from 1, or are those of whoever keeps the run, the same on every server; what only this
// server says has none of its own then.
import { toJson } from '../../base/json.js'
import type { EventNumber } from '../../run/event-numbers.js'

export type EventName = 'state' | 'step' | 'done' | 'error'

export interface RunEvent {
  /** undefined: none of its own. */
  readonly id: number | undefined
  readonly name: EventName
  /** Plain data. */
  readonly data: object
  /** The same as JSON. */
  text(): string
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
  readonly bytes: number
  readonly data: object
}

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

  /** `bytes`: about what the event holds until it is forgotten. `kept`: its number, if not the next one; 'none': it has none of its own. */
  append(name: EventName, bytes: number, data: object, kept?: EventNumber | 'none'): void {
    const before = this.last
    const { number = 0, forgotten = 0 } = kept === 'none' ? {} : (kept ?? {})
    const id = kept === 'none' ? undefined : Math.max(before + 1, number)
    this.#entries.push({ name, id, forgotten, bytes, data })
    this.#ends.push(id ?? before)
    this.#bytes += bytes
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
    this.#wake()
  }

  /** The event after a reader's last one, and how many before it were forgotten here, and before this log began; undefined: none yet. */
  after({ at }: Cursor): { readonly event: RunEvent; readonly missed: number; readonly forgotten: number } | undefined {
    const next = Math.max(at, this.#first)
    const entry = this.#entries[next]
    if (!entry) return undefined
    const { id, name, data, forgotten } = entry
    return { event: { id, name, data, text: () => this.#textOf(next, data) }, missed: next - at, forgotten }
  }

  #textOf(at: number, data: object): string {
    if (this.#newest?.at !== at) this.#newest = { at, text: JSON.stringify(toJson(data)) }
    return this.#newest.text
  }

  /** Calls back with the next event or the end. Returns what takes that back. */
  onChange(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }

  #forget(): void {
    this.#bytes -= this.#entries[this.#first]!.bytes
    this.#entries[this.#first] = undefined
    this.#first++
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of waiting) callback()
  }
}
