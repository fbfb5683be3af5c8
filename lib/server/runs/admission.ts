// Whether one more run may come in: not while the server ends, not beyond what may wait or a key's share, not beyond the memory that waiting
// requests may take. Refusals say when to come again.
import type { Runner } from '../../runner/runner.js'
import type { Client } from '../keys.js'
import { Problem } from '../problem.js'
import type { HeldRun, Watch } from './held-run.js'
import { Load, type Burden } from './load.js'
import type { Registry } from './registry.js'

const SHORTEST_WAIT_MS = 1000
/** Where what is held must go on first, and nobody knows when. */
const HELD_MS = 30_000

export class Admission implements Watch {
  readonly #registry: Registry
  readonly #maxQueue: number
  readonly #loads = new Map<Runner, Load>()
  /** Set once the server ends. */
  draining = false

  constructor(registry: Registry, maxQueue: number) {
    this.#registry = registry
    this.#maxQueue = maxQueue
    registry.watch(this)
  }

  /** Runs that wait for their first pass. */
  get queued(): number {
    let count = 0
    for (const run of this.#registry.active.values()) if (run.state === 'queued') count++
    return count
  }

  /** Pictures and answers that wait: what `maxQueue` bounds. */
  get waiting(): number {
    let sum = 0
    for (const [runner, runs] of this.#byRunner()) sum += this.#load(runner).waiting(runs)
    return sum
  }

  /** Milliseconds until nothing of this runner waits, which says that of itself. */
  waitMs(runner: Runner): number {
    const runs = this.#runsOf(runner)
    const load = this.#load(runner)
    return load.waitMs(runs, load.waiting(runs))
  }

  /** Throws 503 while the server ends. */
  checkOpen(): void {
    if (this.draining)
      throw new Problem(503, 'server/unavailable', 'the server is about to end; ask another one, or come again', { retryAfterMs: 5000 })
  }

  /** Throws 503 or 429. `pictures`: those of the run that is to come in; an answer counts as one. */
  check(client: Client, runner: Runner, pictures = 1): void {
    this.checkOpen()
    const load = this.#load(runner)
    load.refresh()
    const { concurrency } = client
    if (concurrency !== undefined) {
      const own = new Set<Burden>([...this.#registry.active.values()].filter((run) => run.owner.name === client.name))
      if (own.size + 1 > concurrency) {
        const wait = load.waitMs(this.#runsOf(runner), 1, (run) => own.has(run))
        throw full(Math.max(wait, heldMs(own, 1)), `queue: expected at most ${concurrency} runs of this key at once, got ${own.size + 1}`)
      }
    }
    const { waiting } = this
    // Where nothing waits a run of more pictures than may wait comes in too: it would never do otherwise.
    if (waiting === 0 || waiting + pictures <= this.#maxQueue) return
    const more = pictures === 1 ? 'one more came' : `${pictures} more came`
    // What waits may wait for another model.
    const toLeave = waiting + pictures - this.#maxQueue
    const waits = [...this.#byRunner()].map(([one, runs]) => this.#load(one).waitMs(runs, Math.min(this.#load(one).waiting(runs), toLeave)))
    const held = heldMs(this.#registry.active.values(), toLeave)
    throw full(Math.max(held, ...waits), `queue: at most ${this.#maxQueue} pictures and answers may wait, ${waiting} do, and ${more}`)
  }

  stepped(run: HeldRun): void {
    this.#load(run.runner).stepped(run)
  }

  paused(run: HeldRun): void {
    if (!this.#works(run.runner)) this.#load(run.runner).rests()
  }

  ended(run: HeldRun): void {
    this.#load(run.runner).ended(run, this.#works(run.runner))
  }

  #load(runner: Runner): Load {
    const known = this.#loads.get(runner)
    if (known) return known
    const made = new Load(runner)
    this.#loads.set(runner, made)
    return made
  }

  #works(runner: Runner): boolean {
    return this.#runsOf(runner).some(({ state }) => state !== 'paused')
  }

  #runsOf(runner: Runner): HeldRun[] {
    return [...this.#registry.active.values()].filter((run) => run.runner === runner)
  }

  #byRunner(): Map<Runner, HeldRun[]> {
    const found = new Map<Runner, HeldRun[]>()
    for (const run of this.#registry.active.values()) {
      const runs = found.get(run.runner)
      if (runs) runs.push(run)
      else found.set(run.runner, [run])
    }
    return found
  }
}

// Of so many pictures that must leave, where those of runs that go on are fewer.
function heldMs(runs: Iterable<Burden>, pictures: number): number {
  let going = 0
  for (const run of runs) if (run.state !== 'paused') going += run.pictures
  return going >= pictures ? 0 : HELD_MS
}

function full(waitMs: number, message: string): Problem {
  const retryAfterMs = Math.ceil(Math.max(SHORTEST_WAIT_MS, waitMs))
  return new Problem(429, 'queue/full', message, { retryAfterMs, details: { retryAfterMs } })
}

/** Bytes that all requests share. */
export class Budget {
  readonly #holders: string
  readonly #max: number
  #taken = 0

  /** `holders`: what has taken some of it, for messages. */
  constructor(holders: string, max: number) {
    this.#holders = holders
    this.#max = max
  }

  get taken(): number {
    return this.#taken
  }

  /** Throws 429 where nothing is left, to come again after `waitMs`. Returns what gives it back, once. */
  take(amount: number, waitMs: () => number): () => void {
    if (this.#taken + amount > this.#max)
      throw full(waitMs(), `server: ${this.#holders} hold ${this.#taken} of ${this.#max} bytes, and ${amount} more do not fit`)
    return this.count(amount)
  }

  /** Takes it in any case. Returns what gives it back, once. */
  count(amount: number): () => void {
    this.#taken += amount
    let back = false
    return () => {
      if (!back) this.#taken -= amount
      back = true
    }
  }
}
