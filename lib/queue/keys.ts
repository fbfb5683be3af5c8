// The names of everything in Redis. BullMQ's keys are `{dimoo}:<queue>:<job>`; a run's own lie beside its job. One hash tag, so that a cluster
// keeps them in one slot and a script may touch them together.
import { createHash } from 'node:crypto'

export const PREFIX = '{dimoo}'

/** Of one run. */
export interface RunKeys {
  /** BullMQ's hash of the job. */
  readonly job: string
  /** Who holds the job: BullMQ's lock, a string that is the holder's token. */
  readonly lock: string
  /** The last snapshot: `step`, `applied` (the last order in it) and `bytes`, or `blob` where it lies in the store. */
  readonly snapshot: string
  /** A stream of what happened, with ids from 1-0. */
  readonly events: string
  /** The last step of each picture that is in `events`, `n` events, whether it is `paused`; `remasks` that were ordered, in `remaskBytes`. */
  readonly seen: string
  /** A stream of what is asked of whoever decodes it. */
  readonly orders: string
  /** There once an order of this name has been given. */
  readonly order: (name: string) => string
  /** There once somebody has cancelled it. */
  readonly cancelled: string
  /** Channels: something is new in `events` or at its end; in `orders`. */
  readonly news: string
  readonly calls: string
}

export class Keys {
  readonly #base: string

  constructor(queue: string) {
    this.#base = `${PREFIX}:${queue}`
  }

  run(job: string): RunKeys {
    const of = (what: string): string => `${this.#base}:run:${job}:${what}`
    const key = `${this.#base}:${job}`
    return {
      job: key,
      lock: `${key}:lock`,
      snapshot: of('snapshot'),
      events: of('events'),
      seen: of('seen'),
      orders: of('orders'),
      order: (name) => of(`order:${name}`),
      cancelled: of('cancelled'),
      news: of('news'),
      calls: of('calls'),
    }
  }

  /** What one worker says of itself. */
  worker(id: string): string {
    return `${this.#base}:worker:${id}`
  }

  /** A set of workers' ids. */
  get workers(): string {
    return `${this.#base}:workers`
  }

  /** What the last worker said of its model. */
  get info(): string {
    return `${this.#base}:info`
  }

  /** A list of steps to be drawn. */
  get draws(): string {
    return `${this.#base}:draws`
  }

  /** Channel and key of an answer to one of them. */
  drawn(id: string): string {
    return `${this.#base}:drawn:${id}`
  }
}

/** The job of a run: one for each name and tenant. BullMQ takes no colons and no bare numbers. */
export function jobOf(id: string, tag: string | undefined): string {
  const tenant = tag ? `~${createHash('sha256').update(tag).digest('hex').slice(0, 12)}` : ''
  return `r-${id.replaceAll(':', '=')}${tenant}`
}
