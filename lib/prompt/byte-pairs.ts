// Byte pair encoding as the Rust tokenizers library does it: of all neighbours that may merge, the pair of the lowest rank does, the leftmost
// among equals, until none may. Ours because it can stop in the middle of a word of any length, which keeps an event loop alive and an
// abort quick, and because it reads 126,000 merges in a tenth of the library's time.
import { DimooError } from '../base/errors.js'

/** The `model` of a tokenizer.json, as far as byte-level BPE has it. */
export interface BytePairModel {
  readonly vocab: ReadonlyMap<string, number>
  readonly merges: readonly (readonly [string, string])[]
  /** A piece that is a token as a whole is taken as it is. */
  readonly ignoreMerges: boolean
  /** What stands for characters that no token has; without one they are left out. */
  readonly unknown?: string
  /** Several of these in a row are one. */
  readonly fuseUnknown: boolean
}

// Ids, and places in a piece, as parts of numbers that are exact up to 2^53.
export const MAX_ID = 2 ** 26 - 1
const PAIR = 2 ** 26
const PLACE = 2 ** 24
const MERGES_A_TURN = 2048
const CACHED_LENGTH = 64
const CACHED_PIECES = 10_000

export class BytePairs {
  readonly #model: BytePairModel
  readonly #unknown: number | undefined
  /** From a pair of ids to its rank. */
  readonly #ranks = new Map<number, number>()
  /** From a rank to what the pair becomes. */
  readonly #merged: Int32Array
  readonly #cache = new Map<string, readonly number[]>()

  /** Throws `model/corrupt` for a merge of or to something that is no token. */
  constructor(model: BytePairModel) {
    this.#model = model
    this.#unknown = model.unknown === undefined ? undefined : model.vocab.get(model.unknown)
    this.#merged = new Int32Array(model.merges.length)
    model.merges.forEach(([left, right], rank) => {
      const [one, other, both] = [left, right, left + right].map((token) => this.#idOf(token, rank))
      this.#merged[rank] = both!
      this.#ranks.set(one! * PAIR + other!, rank)
    })
  }

  /** Appends the ids of a piece; rests in a long one. */
  *encode(piece: string, ids: number[]): Generator<void, void> {
    const whole = this.#model.ignoreMerges ? this.#model.vocab.get(piece) : undefined
    const known = whole === undefined ? this.#cache.get(piece) : [whole]
    if (known) {
      for (const id of known) ids.push(id)
      return
    }
    const found = yield* this.#merge(this.#symbols(piece))
    for (const id of found) ids.push(id)
    if (piece.length > CACHED_LENGTH) return
    if (this.#cache.size >= CACHED_PIECES) this.#cache.clear()
    this.#cache.set(piece, found)
  }

  #idOf(token: string, rank: number): number {
    const id = this.#model.vocab.get(token)
    if (id !== undefined) return id
    throw new DimooError('model/corrupt', `tokenizer.json: merge ${rank} needs a token that its vocab lacks`)
  }

  #symbols(piece: string): Int32Array {
    const symbols: number[] = []
    const { vocab, fuseUnknown } = this.#model
    let last = false // was unknown
    for (const char of piece) {
      const id = vocab.get(char)
      if (id !== undefined) symbols.push(id)
      else if (this.#unknown !== undefined && !(fuseUnknown && last)) symbols.push(this.#unknown)
      last = id === undefined
    }
    return Int32Array.from(symbols)
  }

  *#merge(symbols: Int32Array): Generator<void, number[]> {
    const count = symbols.length
    const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1))
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
    const queue = new LowestFirst()
    const offer = (place: number): void => {
      const rank = this.#ranks.get(symbols[place]! * PAIR + symbols[next[place]!]!)
      if (rank !== undefined) queue.push(rank * PLACE + place)
    }
    for (let place = 0; place + 1 < count; place++) {
      offer(place)
      if (place % MERGES_A_TURN === MERGES_A_TURN - 1) yield
    }
    for (let turn = 1; queue.size > 0; turn++) {
      if (turn % MERGES_A_TURN === 0) yield
      const lowest = queue.pop()
      const [rank, place] = [Math.floor(lowest / PLACE), lowest % PLACE]
      const right = next[place]!
      // Offered before one of the two changed.
      if (right < 0 || symbols[place]! < 0 || this.#ranks.get(symbols[place]! * PAIR + symbols[right]!) !== rank) continue
      symbols[place] = this.#merged[rank]!
      symbols[right] = -1
      const after = (next[place] = next[right]!)
      next[right] = -1
      if (after >= 0) {
        previous[after] = place
        offer(place)
      }
      const before = previous[place]!
      if (before >= 0) offer(before)
    }
    const ids: number[] = []
    for (let place = count > 0 ? 0 : -1; place >= 0; place = next[place]!) ids.push(symbols[place]!)
    return ids
  }
}

/** A binary heap of numbers. */
class LowestFirst {
  readonly #heap: number[] = []

  get size(): number {
    return this.#heap.length
  }

  push(value: number): void {
    const heap = this.#heap
    let at = heap.length
    for (let up = (at - 1) >> 1; at > 0 && heap[up]! > value; up = (at - 1) >> 1) {
      heap[at] = heap[up]!
      at = up
    }
    heap[at] = value
  }

  pop(): number {
    const heap = this.#heap
    const lowest = heap[0]!
    const value = heap.pop()!
    if (heap.length === 0) return lowest
    let at = 0
    for (let down = 1; down < heap.length; down = 2 * at + 1) {
      if (down + 1 < heap.length && heap[down + 1]! < heap[down]!) down++
      if (heap[down]! >= value) break
      heap[at] = heap[down]!
      at = down
    }
    heap[at] = value
    return lowest
  }
}
