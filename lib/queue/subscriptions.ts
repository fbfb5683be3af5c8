// One connection that listens to many channels. What is told while Redis is away is lost: whoever listens also looks now and then.
import type { Redis } from './redis.js'

export class Subscriptions {
  readonly #redis: Redis
  readonly #listeners = new Map<string, Set<(message: string) => void>>()

  /** The connection is for this alone, and closed by its owner. */
  constructor(redis: Redis) {
    this.#redis = redis
    redis.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message)
    })
  }

  /** Resolves once nothing is missed any more. */
  async listen(channel: string, listener: (message: string) => void): Promise<() => void> {
    const known = this.#listeners.get(channel)
    const all = known ?? new Set()
    all.add(listener)
    this.#listeners.set(channel, all)
    if (!known) await this.#redis.subscribe(channel)
    return () => {
      all.delete(listener)
      if (all.size > 0 || this.#listeners.get(channel) !== all) return
      this.#listeners.delete(channel)
      this.#redis.unsubscribe(channel).catch(() => undefined)
    }
  }
}
