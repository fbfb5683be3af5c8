// Requests that came with an `Idempotency-Key`: the same key with the same body is the same run, however often it is sent; with another
// body it is a mistake. Remembered as long as results are.
import { createHash } from 'node:crypto'
import { Problem } from '../problem.js'

const MAX_KEYS = 10_000

export class Replays {
  readonly #ttlMs: number
  readonly #known = new Map<string, { readonly digest: string; readonly at: number; readonly made: Promise<unknown> }>()

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  /**
   * What the first request of this key made, or what `make` makes now. Without a key always the latter; a failure is not remembered.
   * Throws 422 for a key that came with another body.
   */
  async once<T>(
    owner: string,
    key: string | undefined,
    body: unknown,
    make: () => Promise<T>,
  ): Promise<{ readonly made: T; readonly replayed: boolean }> {
    if (key === undefined) return { made: await make(), replayed: false }
    this.#forget()
    const name = `${owner}\n${key}`
    const digest = digestOf(body)
    const known = this.#known.get(name)
    if (known) {
      if (known.digest === digest) return { made: (await known.made) as T, replayed: true }
      throw new Problem(422, 'request/invalid', 'Idempotency-Key: this key came before with another request', { param: 'Idempotency-Key' })
    }
    const made = make()
    this.#known.set(name, { digest, at: Date.now(), made })
    made.catch(() => this.#known.delete(name))
    return { made: await made, replayed: false }
  }

  #forget(): void {
    const before = Date.now() - this.#ttlMs
    for (const [name, { at }] of this.#known) {
      if (at >= before && this.#known.size < MAX_KEYS) break
      this.#known.delete(name)
    }
  }
}

/** Throws 400 for a key that is none. */
export function idempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw new Problem(400, 'request/invalid', 'Idempotency-Key: expected 1 to 255 printable characters without spaces', {
    param: 'Idempotency-Key',
  })
}

/** Of a request as it came. */
export function digestOf(body: unknown): string {
  const hash = createHash('sha256')
  const feed = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      hash.update(`${value.byteLength}:`).update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, one] of Object.entries(value)) {
        hash.update(`{${JSON.stringify(name)}`)
        feed(one)
      }
    } else hash.update(`${typeof value}${String(value)};`)
  }
  feed(body)
  return hash.digest('hex')
}
