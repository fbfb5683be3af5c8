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
  readonly #timers: NodeJS.Timeout[] = []

  /** Both count from here. */
  constructor(run: Timed, { deadlineMs, maxQueueMs }: Limits) {
    this.#run = new WeakRef(run)
    const late = (): DimooError => new DimooError('run/deadline', `run: expected to end within ${deadlineMs} ms, still at it`)
    this.#start(deadlineMs, late, false)
    const waiting = (): DimooError => new DimooError('queue/timeout', `run: expected a free slot within ${maxQueueMs} ms, still waiting`)
    this.#start(maxQueueMs, waiting, true)
  }

  #start(ms: number | undefined, failure: () => DimooError, whileQueued: boolean): void {
    if (ms !== undefined) this.#timers.push(setTimeout(expirer(this.#run, failure, whileQueued), ms).unref())
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
