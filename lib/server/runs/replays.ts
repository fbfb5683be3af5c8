// Requests that came with an `Idempotency-Key`: the same key with the same body is the same run, however often it is sent; with another
// body it is a mistake. Remembered as long as results are, by name only: a run that is gone is gone here too.
import { createHash } from 'node:crypto'
import { badRequest } from '../problem.js'
import type { HeldRun } from './held-run.js'
import type { Registry } from './registry.js'

const MAX_KEYS = 10_000

interface Known {
  readonly digest: string
  readonly at: number
  readonly id: Promise<string>
  readonly goesOn: () => boolean
}

export class Replays {
  readonly #registry: Registry
  readonly #ttlMs: number
  readonly #known = new Map<string, Known>()

  constructor(registry: Registry, ttlMs: number) {
    this.#registry = registry
    this.#ttlMs = ttlMs
  }

  /**
   * What the first request of this key made, or what `make` makes now. Without a key always the latter; a failure is not remembered.
   * Throws `request/invalid` for a key that came with another body, 410 where the run is gone.
   */
  async once(
    owner: string,
    key: string | undefined,
    body: unknown,
    make: () => Promise<HeldRun>,
  ): Promise<{ readonly made: HeldRun; readonly replayed: boolean }> {
    if (key === undefined) return { made: await make(), replayed: false }
    this.#forget()
    const name = `${owner}\n${key}`
    const digest = digestOf(body)
    const known = this.#known.get(name)
    if (known) {
      if (known.digest === digest) return { made: this.#registry.get(owner, await known.id), replayed: true }
      throw badRequest('Idempotency-Key: this key came before with another request', 'Idempotency-Key')
    }
    const made = make()
    const id = made.then((run) => run.id)
    let began: string | undefined
    const goesOn = (): boolean => {
      const run = began === undefined ? undefined : this.#registry.find(owner, began)
      return began === undefined || (run !== undefined && !run.outcome)
    }
    this.#known.set(name, { digest, at: Date.now(), id, goesOn })
    void id.then((one) => (began = one)).catch(() => undefined)
    id.catch(() => this.#known.delete(name))
    return { made: await made, replayed: false }
  }

  #forget(): void {
    const before = Date.now() - this.#ttlMs
    for (const [name, { at, goesOn }] of this.#known) {
      if (this.#known.size < MAX_KEYS && (at >= before || goesOn())) continue
      this.#known.delete(name)
    }
  }
}

/** Throws `request/invalid` for a key that is none. */
export function idempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw badRequest('Idempotency-Key: expected 1 to 255 printable characters without spaces', 'Idempotency-Key')
}

/** Of a request as it came. */
export function digestOf(body: unknown): string {
  const hash = createHash('sha256')
  const feed = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      hash.update(`${value.byteLength}:`).update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    } else if (typeof value === 'object' && value !== null) {
      hash.update(Array.isArray(value) ? '[' : '{')
      for (const [name, one] of Object.entries(value)) {
        hash.update(JSON.stringify(name))
        feed(one)
      }
      hash.update('}') // no two values give the same text
    } else if (typeof value === 'string') hash.update(`${value.length}"`).update(value)
    else hash.update(`${typeof value}${String(value)};`)
  }
  feed(body)
  return hash.digest('hex')
}
