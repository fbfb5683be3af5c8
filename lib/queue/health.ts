// Whether a worker can do its work: after a failure it takes no jobs until what failed works again.
import { DimooError } from '../base/errors.js'
import { digestOf, type BlobStore } from './store.js'

const PROBE_MS = 1000
const DEVICE_MS = 5000

export class Health {
  readonly #store: BlobStore
  readonly #changed: () => void
  readonly #warn: (details: object, message: string) => void
  #problem: string | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(store: BlobStore, changed: () => void, warn: (details: object, message: string) => void) {
    this.#store = store
    this.#changed = changed
    this.#warn = warn
  }

  /** Why it takes no jobs. */
  get problem(): string | undefined {
    return this.#problem
  }

  fell(error: unknown, isDisk: boolean): void {
    if (this.#problem !== undefined || this.#stopped) return
    this.#problem = (error as Error).message
    this.#warn({ code: DimooError.is(error) ? error.code : 'internal' }, `worker: takes no jobs: ${this.#problem}`)
    if (isDisk) this.#probe()
    else this.#timer = setTimeout(() => this.#well(), DEVICE_MS)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  // As large as a picture: the last kilobytes of a disk are not what is wanted.
  #probe(): void {
    this.#timer = setTimeout(() => {
      const bytes = new Uint8Array(1 << 20).fill(performance.now())
      const key = digestOf(bytes)
      this.#store.put(key, bytes).then(
        () => this.#store.delete(key).then(() => this.#well()),
        () => this.#probe(),
      )
    }, PROBE_MS)
  }

  #well(): void {
    if (this.#stopped) return
    this.#problem = undefined
    this.#warn({}, 'worker: takes jobs again')
    this.#changed()
  }
}
