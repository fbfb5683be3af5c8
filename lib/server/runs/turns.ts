// Orders to a run that may be begun again under another priority, as another run of the runner's that goes on from where the first one was.
// Whoever asks for anything meanwhile asks the one that goes on: nothing is lost between the two.
import type { AnyRun } from '../../run/types.js'

export class Turns {
  readonly #current: () => AnyRun
  readonly #pending = new Set<Promise<unknown>>()
  #changing: Promise<unknown> = Promise.resolve()

  constructor(current: () => AnyRun) {
    this.#current = current
  }

  /**
   * Gives an order to the run that goes on, and again to the next one where that took over before it was followed. `brief` ones are followed
   * before the run changes: what they say is taken along.
   */
  async order<T>(give: (run: AnyRun) => Promise<T>, { brief = true } = {}): Promise<T> {
    for (;;) {
      await this.#settled()
      const run = this.#current()
      const given = give(run)
      if (brief) this.#keep(given)
      try {
        return await given
      } catch (error) {
        if (run === this.#current()) throw error
      }
    }
  }

  /** One change after another, each after the orders before it. */
  change(make: () => Promise<void>): Promise<void> {
    const before = this.#changing
    const made = before.then(async () => {
      await Promise.all(this.#pending)
      await make()
    })
    this.#changing = made.catch(() => undefined)
    return made
  }

  async #settled(): Promise<void> {
    let seen: Promise<unknown>
    do await (seen = this.#changing)
    while (seen !== this.#changing)
  }

  #keep(given: Promise<unknown>): void {
    const done: Promise<void> = given.catch(() => undefined).then(() => void this.#pending.delete(done))
    this.#pending.add(done)
  }
}
