// Who may come in. A run counts from the moment it is created, be it prepared, decoded or finished: `maxActive + maxQueue` of them at most. Work
// before the first pass that takes time (long texts, pictures, snapshots) is done for a few runs at a time, by the order of the queue: priority
// first, then in turns between tags. Who is aborted leaves at once.
import { QueueFullError } from '../base/errors.js'
import { onAbort } from '../base/signals.js'

const ACTIVE = 64
const QUEUE = 1024
/** One that computes while another waits for a file. */
const TOGETHER = 2
/** Tags whose turns are kept; a caller may make them up without end. */
const MAX_TURNS = 4096

export interface Bounds {
  readonly maxActive?: number
  readonly maxQueue?: number
  readonly policy?: 'fifo' | 'fair' | 'shortest-remaining'
}

/** Of the run that is prepared. */
export interface Who {
  readonly priority?: number
  readonly tag?: string
}

interface Waiting {
  readonly priority: number
  readonly tag: string
  readonly start: () => void
}

export class Admission {
  readonly #maxActive: number
  readonly #maxQueue: number
  readonly #inTurns: boolean
  readonly #wait: () => number
  #inside = 0
  #working = 0
  #turn = 0
  readonly #waiting: Waiting[] = []
  /** When a tag had its last turn; forgotten once nothing is left to do. */
  readonly #turns = new Map<string, number>()

  /** `wait`: milliseconds until a run that came now would get its first pass. */
  constructor({ maxActive = ACTIVE, maxQueue = QUEUE, policy = 'fair' }: Bounds, wait: () => number) {
    this.#maxActive = maxActive
    this.#maxQueue = maxQueue
    this.#inTurns = policy !== 'fifo'
    this.#wait = wait
  }

  /** One more run. Throws `queue/full`. The answer takes it out again, however often it is called. */
  enter(): () => void {
    if (this.#inside >= this.#maxActive + this.#maxQueue) throw this.#full()
    this.#inside++
    let inside = true
    return () => {
      if (inside) this.#inside--
      inside = false
    }
  }

  /** Runs that wait for their turn to be prepared, or are being prepared. */
  get preparing(): number {
    return this.#waiting.length + this.#working
  }

  /** Does `work` when its turn has come. Rejects with the signal's reason, whether it has begun or not. */
  async prepare<T>({ priority = 0, tag = '' }: Who, signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    await this.#myTurn(priority, tag, signal)
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#working--
      this.#next()
      if (this.#working === 0 || this.#turns.size > MAX_TURNS) this.#turns.clear()
    }
  }

  #myTurn(priority: number, tag: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        priority,
        tag,
        start: () => {
          unlisten()
          resolve()
        },
      }
      let unlisten = (): void => undefined
      unlisten = onAbort(signal, () => {
        this.#leave(one)
        reject(signal.reason as Error)
      })
      if (signal.aborted) return
      this.#waiting.push(one)
      this.#next()
    })
  }

  #next(): void {
    while (this.#working < TOGETHER && this.#waiting.length > 0) {
      const one = this.#waiting.reduce((best, other) => (this.#goesBefore(other, best) ? other : best))
      this.#working++
      this.#turns.set(one.tag, ++this.#turn)
      this.#leave(one)
      one.start()
    }
  }

  #goesBefore(one: Waiting, other: Waiting): boolean {
    if (one.priority !== other.priority) return one.priority > other.priority
    return this.#inTurns && (this.#turns.get(one.tag) ?? 0) < (this.#turns.get(other.tag) ?? 0)
  }

  #leave(one: Waiting): void {
    const at = this.#waiting.indexOf(one)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  #full(): QueueFullError {
    const [running, queued] = [Math.min(this.#inside, this.#maxActive), Math.max(0, this.#inside - this.#maxActive)]
    const wait = Math.max(1, Math.ceil(this.#wait()))
    const there = `${running} ${running === 1 ? 'is' : 'are'} under way, ${queued} wait${queued === 1 ? 's' : ''}`
    return new QueueFullError(
      `run: expected at most ${this.#maxActive} runs under way and ${this.#maxQueue} waiting, got one more (${there}); it may fit in about ${inWords(wait)}`,
      wait,
      { running, queued },
    )
  }
}

function inWords(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
}
