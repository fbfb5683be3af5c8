// The events of one run: numbered from 1, kept for whoever comes late or comes back, within a budget of bytes; the oldest are forgotten
// first, and a reader is told how many it missed. Text is made once, when somebody reads it.
import type { Json } from '../../base/json.js'

export type EventName = 'state' | 'step' | 'done' | 'error'

export interface RunEvent {
  readonly id: number
  readonly name: EventName
  /** JSON text. */
  readonly data: string
}

/** Where a reader is. */
export interface Cursor {
  /** The last event that it has. */
  at: number
}

interface Entry {
  readonly name: EventName
  readonly bytes: number
  /** The text, or what makes it. */
  data: string | (() => Json)
}

export class EventLog {
  readonly #maxBytes: number
  readonly #entries: (Entry | undefined)[] = []
  readonly #waiting = new Set<() => void>()
  #first = 1 // the oldest event that is still here
  #bytes = 0
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

  /** The number of the last event. */
  get last(): number {
    return this.#entries.length
  }

  /** `bytes`: about what the event holds until it is forgotten. */
  append(name: EventName, bytes: number, make: () => Json): void {
    this.#entries.push({ name, bytes, data: make })
    this.#bytes += bytes
    while (this.#bytes > this.#maxBytes && this.#first < this.#entries.length) this.#forget()
    this.#wake()
  }

  close(): void {
    this.#closed = true
    this.#wake()
  }

  /** The event after a reader's last one, and how many before it were forgotten; undefined: none yet. */
  after({ at }: Cursor): { readonly event: RunEvent; readonly missed: number } | undefined {
    const id = Math.max(at + 1, this.#first)
    const entry = this.#entries[id - 1]
    if (!entry) return undefined
    if (typeof entry.data !== 'string') entry.data = JSON.stringify(entry.data())
    return { event: { id, name: entry.name, data: entry.data }, missed: id - at - 1 }
  }

  /** Calls back with the next event or the end. Returns what takes that back. */
  onChange(callback: () => void): () => void {
    this.#waiting.add(callback)
    return () => this.#waiting.delete(callback)
  }

  #forget(): void {
    this.#bytes -= this.#entries[this.#first - 1]!.bytes
    this.#entries[this.#first - 1] = undefined
    this.#first++
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const callback of waiting) callback()
  }
}
