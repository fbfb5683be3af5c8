// How far a pull is, over all its files: bytes that are there, how fast they come, how long it will take at that speed.
import type { Progress } from '../base/progress.js'

/** How far a transfer is. */
export interface PullProgress extends Progress {
  readonly phase: 'list' | 'download'
  /** Bytes a second that came over the network lately; 0 while none did. */
  readonly bytesPerSecond: number
  /** At that speed; Infinity while nothing comes. */
  readonly secondsLeft: number
  readonly files: number
  readonly filesDone: number
}

const EVERY_MS = 100
const WINDOW_MS = 5000

export class Tally {
  readonly #listener: ((progress: PullProgress) => void) | undefined
  readonly #loaded = new Map<string, number>()
  readonly #files: number
  readonly #total: number
  /** Times and the bytes fetched until then, of the last seconds. */
  readonly #marks: { readonly at: number; readonly bytes: number }[] = [{ at: performance.now(), bytes: 0 }]
  #done = 0
  #told = 0
  fetched = 0

  constructor(listener: ((progress: PullProgress) => void) | undefined, files: number, total: number) {
    this.#listener = listener
    this.#files = files
    this.#total = total
  }

  set(file: string, loaded: number, fetched: number): void {
    this.#loaded.set(file, loaded)
    this.fetched += fetched
    this.#tell(false)
  }

  finish(file: string, bytes: number): void {
    this.#loaded.set(file, bytes)
    this.#done++
    this.#tell(this.#done === this.#files)
  }

  #tell(anyhow: boolean): void {
    const now = performance.now()
    if (!this.#listener || (!anyhow && now - this.#told < EVERY_MS)) return
    this.#told = now
    const loadedBytes = [...this.#loaded.values()].reduce((sum, bytes) => sum + bytes, 0)
    const bytesPerSecond = this.#speed(now)
    this.#listener({
      phase: 'download',
      loadedBytes,
      totalBytes: this.#total,
      fraction: this.#total > 0 ? loadedBytes / this.#total : 1,
      bytesPerSecond,
      secondsLeft: loadedBytes === this.#total ? 0 : (this.#total - loadedBytes) / bytesPerSecond,
      files: this.#files,
      filesDone: this.#done,
    })
  }

  #speed(now: number): number {
    this.#marks.push({ at: now, bytes: this.fetched })
    while (this.#marks.length > 2 && now - this.#marks[0]!.at > WINDOW_MS) this.#marks.shift()
    const { at, bytes } = this.#marks[0]!
    return now > at ? ((this.fetched - bytes) / (now - at)) * 1000 : 0
  }
}
