// A run's time limits: its own deadline, and the longest it may wait in the queue. Timers keep neither the process nor the run.
import { DimooError } from '../base/errors.js'

export interface Limits {
  readonly deadlineMs?: number | undefined
  readonly maxQueueMs?: number | undefined
}

/** What a clock may ask of its run, and do to it. */
export interface Timed {
  readonly state: string
  expire(failure: () => DimooError): void
}

export class RunClock {
  readonly #run: WeakRef<Timed>
  readonly #limits: Limits
  readonly #timers: NodeJS.Timeout[] = []

  /** The deadline counts from here. */
  constructor(run: Timed, limits: Limits) {
    this.#run = new WeakRef(run)
    this.#limits = limits
    const { deadlineMs } = limits
    if (deadlineMs === undefined) return
    const failure = (): DimooError => new DimooError('run/deadline', `run: expected to end within ${deadlineMs} ms, still at it`)
    this.#timers.push(setTimeout(expirer(this.#run, failure, false), deadlineMs).unref())
  }

  /** The native run exists: it waits for its turn from here on. */
  queued(): void {
    const { maxQueueMs } = this.#limits
    if (maxQueueMs === undefined) return
    const failure = (): DimooError => new DimooError('queue/timeout', `run: expected a free slot within ${maxQueueMs} ms, still waiting`)
    this.#timers.push(setTimeout(expirer(this.#run, failure, true), maxQueueMs).unref())
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}

// A function of its own, so that the timer's closure holds nothing but the weak reference.
function expirer(target: WeakRef<Timed>, failure: () => DimooError, onlyQueued: boolean): () => void {
  return () => {
    const run = target.deref()
    if (run && (!onlyQueued || run.state === 'queued')) run.expire(failure)
  }
}
