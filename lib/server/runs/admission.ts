// Whether one more run may come in: not while the server ends, not beyond the queue or a key's share, not beyond the memory that waiting
// requests may take. Refusals say when to come again.
import type { Runner } from '../../runner/runner.js'
import type { Client } from '../keys.js'
import { Problem } from '../problem.js'
import type { Registry } from './registry.js'

/** How old an estimate of the wait may be. */
const ESTIMATE_MS = 250
const SHORTEST_WAIT_MS = 1000

export class Admission {
  readonly #registry: Registry
  readonly #maxQueue: number
  readonly #estimates = new Map<Runner, { ms: number; at: number }>()
  /** Set once the server ends. */
  draining = false

  constructor(registry: Registry, maxQueue: number) {
    this.#registry = registry
    this.#maxQueue = maxQueue
  }

  /** Runs that wait for their first pass. */
  get queued(): number {
    let count = 0
    for (const run of this.#registry.active.values()) if (run.state === 'queued') count++
    return count
  }

  /** Throws 503 while the server ends. */
  checkOpen(): void {
    if (this.draining)
      throw new Problem(503, 'server/unavailable', 'the server is about to end; ask another one, or come again', { retryAfterMs: 5000 })
  }

  /** Throws 503 or 429. `more`: how many runs are to come in. */
  check(client: Client, runner: Runner, more = 1): void {
    this.checkOpen()
    const { concurrency } = client
    if (concurrency !== undefined) {
      const own = [...this.#registry.active.values()].filter((run) => run.owner.name === client.name).length
      if (own + more > concurrency) {
        throw this.#full(runner, `queue: expected at most ${concurrency} runs of this key at once, got ${own + more}`)
      }
    }
    const waiting = this.queued
    this.#refresh(runner)
    if (waiting + more > this.#maxQueue) throw this.#full(runner, `queue: ${waiting} runs wait, and at most ${this.#maxQueue} may`)
  }

  #full(runner: Runner, message: string): Problem {
    const retryAfterMs = Math.max(SHORTEST_WAIT_MS, this.#estimates.get(runner)?.ms ?? 0)
    return new Problem(429, 'queue/full', message, { retryAfterMs, details: { retryAfterMs } })
  }

  // Asked now and then, so that a refusal needs not wait for an answer.
  #refresh(runner: Runner): void {
    const known = this.#estimates.get(runner) ?? { ms: 0, at: -Infinity }
    const now = performance.now()
    if (now - known.at < ESTIMATE_MS) return
    known.at = now
    this.#estimates.set(runner, known)
    runner.stats().then(
      ({ estimatedWaitMs }) => (known.ms = estimatedWaitMs),
      () => undefined,
    )
  }
}

/** An amount that all requests share. */
export class Budget {
  readonly #name: string
  readonly #max: number
  #taken = 0

  constructor(name: string, max: number) {
    this.#name = name
    this.#max = max
  }

  get taken(): number {
    return this.#taken
  }

  /** Throws 429 where nothing is left. Returns what gives it back, once. */
  take(amount: number): () => void {
    if (this.#taken + amount > this.#max) {
      throw new Problem(
        429,
        'queue/full',
        `server: waiting requests hold ${this.#taken} of ${this.#max} ${this.#name}, and ${amount} more do not fit`,
        {
          retryAfterMs: SHORTEST_WAIT_MS,
          details: { retryAfterMs: SHORTEST_WAIT_MS },
        },
      )
    }
    this.#taken += amount
    let back = false
    return () => {
      if (!back) this.#taken -= amount
      back = true
    }
  }
}
