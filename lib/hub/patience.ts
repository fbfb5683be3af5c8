// Trying again: five times, counted anew whenever an attempt has gained something, with growing pauses, or the pause that the hub asks for.
import { setTimeout as sleep } from 'node:timers/promises'
import { HubFailure } from './failure.js'

export interface Patience {
  /** Further attempts after one that gained nothing. */
  readonly retries: number
  /** Pause before the first of them; doubled for each further one. */
  readonly pauseMs: number
  /** A longer pause than this is not waited for, however kindly the hub asks. */
  readonly longestPauseMs: number
}

export const PATIENCE: Patience = { retries: 5, pauseMs: 1000, longestPauseMs: 300_000 }

/** `attempt` calls `gained` when it got what the next attempt need not fetch again. Rejects with the last failure. */
export async function persist<T>(
  attempt: (gained: () => void) => Promise<T>,
  { retries, pauseMs, longestPauseMs }: Patience,
  signal?: AbortSignal,
): Promise<T> {
  let failures = 0
  for (;;) {
    const got = { something: false }
    try {
      return await attempt(() => (got.something = true))
    } catch (error) {
      if (!(error instanceof HubFailure) || !error.passing) throw error
      failures = got.something ? 0 : failures + 1
      const asked = error.facts.retryAfterMs
      if (failures > retries || (asked ?? 0) > longestPauseMs) throw error
      await pause(asked ?? (got.something ? 0 : pauseMs * 2 ** (failures - 1)), signal)
    }
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  if (ms === 0) return
  try {
    await sleep(ms, undefined, signal && { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

/** At most `count` at once; the others wait their turn. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async use<T>(body: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await body()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
