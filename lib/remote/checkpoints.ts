// Snapshots of a run as it goes on, so that little is computed twice when whoever decodes it dies: the first after its first step, then one
// each so many milliseconds in which it came further.
import { snapshotHeader } from '../snapshot/index.js'
import type { AnyRun } from '../run/types.js'

/** Work that may be lost, unless said otherwise, in milliseconds. */
export const SNAPSHOT_EVERY_MS = 2000

/** How often a run that has not taken its first step is looked at, in milliseconds. */
const WAIT_MS = 20

/** Keeps the bytes. False: the run is no longer ours, no more are wanted. */
export type Save = (snapshot: Uint8Array, step: number) => boolean | Promise<boolean>

export class Checkpoints {
  readonly #run: Pick<AnyRun, 'snapshot' | 'state'>
  readonly #everyMs: number
  readonly #save: Save
  readonly #from: number
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #step: number
  #takenAt = 0
  #stopped = false

  /** `from`: the step it begins with; it is known already how it came there. */
  constructor(run: Pick<AnyRun, 'snapshot' | 'state'>, everyMs: number, save: Save, from = 0) {
    this.#run = run
    this.#everyMs = everyMs
    this.#save = save
    this.#step = this.#from = from
    this.#next(WAIT_MS)
  }

  /** One more at the next step boundary, whatever the time; what was asked of the run before is in it. */
  now(): Promise<void> {
    return this.#take(true)
  }

  /** No more are taken; resolves once the last one under way is kept. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#last
  }

  #next(ms: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      if (this.#run.state === 'queued') this.#next(WAIT_MS)
      else
        void this.#take(false).then(
          () => this.#next(this.#awaitsFirst() ? WAIT_MS : this.#everyMs - (performance.now() - this.#takenAt)),
          () => undefined, // the run has ended
        )
    }, ms)
  }

  #awaitsFirst(): boolean {
    return this.#step === this.#from && this.#run.state !== 'paused'
  }

  // One after the other, so that a later one is never overwritten.
  #take(always: boolean): Promise<void> {
    const taken = this.#last.then(async () => {
      if (this.#stopped && !always) return
      const bytes = await this.#run.snapshot()
      this.#takenAt = performance.now() // keeping it takes time too, in which the run goes on
      const { step } = snapshotHeader(bytes)
      if (!always && step <= this.#step) return
      this.#step = Math.max(step, this.#step)
      if (!(await this.#save(bytes, step))) this.#stopped = true
    })
    this.#last = taken.catch(() => undefined)
    return taken
  }
}
