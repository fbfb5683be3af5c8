// What the runs of one runner come to: how many of their pictures are decoded at a time, how many wait for that, and how long it takes until
// fewer do. Sizes are estimates from requests (lib/runner/work.ts), speed is what the steps have shown; neither touches a result.
import type { ModelInfo } from '../../native/info.js'
import type { Work } from '../../runner/work.js'
import type { RunState } from '../../run/types.js'
import { isRunKeeper, type Runner, type SchedulerStats } from '../../runner/runner.js'

/** A run as far as the load is concerned. */
export interface Burden {
  readonly runner: Runner
  readonly state: RunState
  /** Pictures that are decoded together; an answer is one. */
  readonly pictures: number
  readonly work: Work
  /** Rows times steps that are left to do, and that are done. */
  readonly workLeft: number
  readonly workDone: number
  /** When it came, in milliseconds since 1970. */
  readonly created: number
}

/** Rows of a pass where the runner does not say. */
const ROWS_PER_PASS = 2048
/** How old what the runner says of itself may be. */
const STATS_MS = 250
/** How long what was seen of the speed counts. */
const MEMORY_MS = 15_000
/** Work that was seen for less says nothing. */
const LEAST_MS = 50
/** Operations a millisecond of a device that has shown nothing yet: two cores of a CPU (docs/real-model.md), a GPU that is not a fast one. */
const GUESSED = { cpu: 200e6, gpu: 50e9 } as const
/** The longest wait that is said of a guess. */
const LONGEST_GUESS_MS = 600_000

export class Load {
  readonly #runner: Runner
  readonly #counted = new WeakMap<Burden, number>()
  #stats: Partial<SchedulerStats> = {}
  #guess: number | undefined
  #askedAt = -Infinity
  #work = 0
  #ms = 0
  #at: number | undefined

  constructor(runner: Runner) {
    this.#runner = runner
  }

  /** It has taken a step. What comes before the first one (pictures that are read, weights that are laid out) is no measure of the rest. */
  stepped(run: Burden): void {
    const known = this.#counted.get(run)
    // The first one that is seen may be one of many that were taken elsewhere.
    const one = Math.min(run.workDone, run.work.rows / run.pictures)
    this.#count(run, known === undefined ? one : run.workDone - known)
    this.#at = performance.now()
  }

  /** `more`: others go on; nobody works while there is nothing to do. */
  ended(run: Burden, more: boolean): void {
    this.#count(run, run.workDone - (this.#counted.get(run) ?? 0))
    this.#at = more ? performance.now() : undefined
  }

  /** Nothing of it goes on: the time until the next step says nothing. */
  rests(): void {
    this.#at = undefined
  }

  #count(run: Burden, work: number): void {
    this.#counted.set(run, run.workDone)
    if (this.#at === undefined) return
    const ms = performance.now() - this.#at
    const kept = Math.exp(-ms / MEMORY_MS)
    this.#work = this.#work * kept + work
    this.#ms = this.#ms * kept + ms
  }

  /**
   * Pictures that wait: those of runs that have not begun or are held, and those of running ones beyond what a pass holds. A queue's workers
   * take no more than they work on.
   */
  waiting(runs: readonly Burden[]): number {
    const { rowsPerPass = 0 } = this.#stats
    let room = isRunKeeper(this.#runner) ? Infinity : rowsPerPass > 0 ? rowsPerPass : ROWS_PER_PASS
    let waiting = 0
    let first = true
    for (const { state, pictures, work } of runs) {
      if (state === 'queued' || state === 'paused') {
        waiting += pictures
        continue
      }
      const each = Math.max(1, work.rows / pictures)
      const fit = Math.min(pictures, Math.max(first ? 1 : 0, Math.floor(room / each)))
      room = Math.max(0, room - fit * each)
      first = false
      waiting += pictures - fit
    }
    return waiting
  }

  /** Milliseconds until so many pictures have left, were each run to have an equal share. `of`: the only runs whose pictures count. */
  waitMs(runs: readonly Burden[], pictures: number, of: (run: Burden) => boolean = () => true): number {
    this.refresh()
    const said = this.#stats.estimatedWaitMs ?? 0
    if (pictures <= 0) return 0
    const seen = this.#speed() ?? roughly(runs)
    const speed = seen ?? this.#guess
    if (speed === undefined || isRunKeeper(this.#runner)) return said
    const most = seen === undefined ? Math.max(said, LONGEST_GUESS_MS) : Infinity
    const going = runs.filter(({ state }) => state !== 'paused').sort((one, other) => one.workLeft - other.workLeft)
    let [ended, left] = [0, 0]
    for (const [i, run] of going.entries()) {
      if (of(run)) left += run.pictures
      if (left >= pictures || i === going.length - 1) return Math.min(most, (ended + (going.length - i) * run.workLeft) / speed)
      ended += run.workLeft
    }
    return said
  }

  /** Asks the runner now and then, so that a refusal needs not wait for an answer. */
  refresh(): void {
    const now = performance.now()
    if (now - this.#askedAt < STATS_MS) return
    this.#askedAt = now
    if (this.#guess === undefined && !isRunKeeper(this.#runner))
      this.#runner.info().then(
        (info) => (this.#guess = guessOf(info)),
        () => undefined,
      )
    this.#runner.stats().then(
      (stats) => (this.#stats = stats),
      () => undefined,
    )
  }

  // Work a millisecond; before any was seen here, as the runner has done so far.
  #speed(): number | undefined {
    if (this.#ms >= LEAST_MS && this.#work > 0) return this.#work / this.#ms
    const { meanRowsPerPass = 0, forwardPasses = 0, forwardMs = 0 } = this.#stats
    const rows = meanRowsPerPass * forwardPasses
    return rows > 0 && forwardMs > 0 ? rows / forwardMs : undefined
  }
}

// Of the first seconds of a server: with all that comes before a first step.
function roughly(runs: readonly Burden[]): number | undefined {
  const done = runs.reduce((sum, { workDone }) => sum + workDone, 0)
  const ms = Date.now() - Math.min(...runs.map(({ created }) => created))
  return done > 0 && ms > 0 ? done / ms : undefined
}

// Rows a millisecond, from the model's size; undefined where it does not say.
function guessOf({ hyper, device }: ModelInfo): number | undefined {
  const { dModel, nLayers, nHeads, nKvHeads, headDim, mlp } = hyper
  const weights = nLayers * dModel * (2 * (nHeads + nKvHeads) * headDim + 3 * mlp)
  const speed = (device.id === 'cpu' ? GUESSED.cpu : GUESSED.gpu) / (2 * weights)
  return Number.isFinite(speed) ? speed : undefined
}
