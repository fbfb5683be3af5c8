// How long an answer is waited for: as long as something of it comes, or its server gives signs of life. Connections may end without a word.
/** Nothing came for a while, and no sign of life either. */
export class Silence extends Error {}

/** How long nothing of an answer may come from a server that lives: longer than any step takes. */
const LONGEST_MS = 300_000

/** Waits with whoever waits for an answer, and ends what nothing comes of. */
export class Watch {
  readonly #work = new AbortController()
  readonly #quietMs: number
  readonly #lives: () => Promise<boolean>
  #last = performance.now()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(quietMs: number, lives: () => Promise<boolean>) {
    this.#quietMs = quietMs
    this.#lives = lives
    this.#wait(quietMs)
  }

  get signal(): AbortSignal {
    return this.#work.signal
  }

  /** Something came. */
  heard(): void {
    this.#last = performance.now()
  }

  abort(reason: unknown): void {
    this.#work.abort(reason)
    this.stop()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => void this.#look(), ms)
  }

  async #look(): Promise<void> {
    const { timer, quiet } = { timer: this.#timer, quiet: performance.now() - this.#last }
    if (quiet < this.#quietMs) {
      this.#wait(this.#quietMs - quiet)
      return
    }
    const lives = quiet < LONGEST_MS && (await this.#lives())
    if (this.#timer !== timer || timer === undefined) return // it has ended meanwhile
    const came = performance.now() - this.#last < quiet
    if (lives || came) this.#wait(this.#quietMs)
    else this.abort(new Silence(`it was silent for ${Math.round(performance.now() - this.#last)} ms`))
  }
}

/** Ends a stream on which nothing comes. */
export class Watchdog {
  readonly #ms: number
  readonly #stream: AbortController
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number, stream: AbortController) {
    this.#ms = ms
    this.#stream = stream
    this.renew()
  }

  renew(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#stream.abort(new Silence(`its stream was silent for ${this.#ms} ms`)), this.#ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
