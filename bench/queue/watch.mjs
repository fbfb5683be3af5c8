// What bench/queue.mjs sees of its jobs: how often each ended, from BullMQ's own events; what was computed twice, from the steps that were told
// before another worker went on; how much memory Redis has.
import { subscribe } from 'node:diagnostics_channel'
import { clearInterval, setInterval } from 'node:timers'
import { median } from '../driver.mjs'
import { since } from './crew.mjs'

const EVENTS = '{dimoo}:default:events'

/** How often each job has ended, and was found without its worker. */
export class Ends {
  #client
  #last = '0-0'
  #timer
  #reading = Promise.resolve()
  of = new Map()
  stalls = 0

  constructor(client) {
    this.#client = client
    this.#timer = setInterval(() => (this.#reading = this.#reading.then(() => this.#read())), 500)
  }

  async #read() {
    const found = await this.#client.xrange(EVENTS, `(${this.#last}`, '+').catch(() => [])
    for (const [id, fields] of found) {
      const value = (name) => fields[fields.indexOf(name) + 1]
      this.#last = id
      const event = value('event')
      if (event === 'stalled') this.stalls++
      if (event !== 'completed' && event !== 'failed') continue
      const job = value('jobId')
      this.of.set(job, [...(this.of.get(job) ?? []), event])
    }
  }

  async stop() {
    clearInterval(this.#timer)
    await this.#reading
    await this.#read()
  }
}

/** Bytes and keys of Redis, once a second. */
export class Memory {
  #timer
  #bytes = []
  #keys = []

  constructor(client) {
    this.#timer = setInterval(() => {
      Promise.all([client.info('memory'), client.dbsize()]).then(
        ([text, keys]) => {
          this.#bytes.push(Number(/used_memory:(\d+)/.exec(text)[1]))
          this.#keys.push(keys)
        },
        () => undefined,
      )
    }, 1000)
  }

  stop() {
    clearInterval(this.#timer)
    const part = (list, from, to) => median(list.slice(Math.floor(list.length * from), Math.max(1, Math.ceil(list.length * to))))
    const of = (list) => ({ early: part(list, 0.25, 0.5), late: part(list, 0.75, 1), most: Math.max(...list) })
    const bytes = of(this.#bytes)
    return { bytes, keys: of(this.#keys), flat: bytes.late < bytes.early * 1.25 + 4 * 2 ** 20 }
  }
}

/** Steps as they were told, life by life, on the clock of whoever decoded them. */
export class Lives {
  #told = new Map() // of each run, of its first picture: { life, elapsedMs } by step
  #life = new Map()
  #resumes = []

  constructor() {
    subscribe('dimoo:run:resumed', ({ id, step }) => {
      this.#resumes.push({ id, step, life: this.#life.get(id) ?? 0, told: [...(this.#told.get(id) ?? [])], at: since() })
      this.#life.set(id, (this.#life.get(id) ?? 0) + 1)
    })
  }

  step(id, { step, elapsedMs }) {
    const told = this.#told.get(id) ?? []
    told[step] = { life: this.#life.get(id) ?? 0, elapsedMs, at: since() }
    this.#told.set(id, told)
  }

  /** What was told after the snapshot from which somebody else went on: steps, milliseconds, and how much more than a snapshot's age and a step. */
  twice(snapshotEveryMs, away) {
    const found = []
    for (const { step, life, told, at } of this.#resumes) {
      const mine = told.flatMap((one, i) => (one?.life === life ? [{ step: i, ...one }] : []))
      const again = mine.filter((one) => one.step >= step)
      // Without Redis nothing can be written down.
      const isCut = away.some(({ from, to }) => (again[0]?.at ?? at) < to + 2000 && at > from)
      if (again.length === 0 || isCut) continue
      const before = mine.find((one) => one.step === step - 1)
      const ms = again.at(-1).elapsedMs - (before?.elapsedMs ?? 0)
      const longest = Math.max(...mine.map((one, i) => one.elapsedMs - (mine[i - 1]?.elapsedMs ?? 0)))
      found.push({ steps: again.length, ms: Math.round(ms), overMs: Math.round(ms - longest - snapshotEveryMs) })
    }
    const most = (key) => found.reduce((max, one) => Math.max(max, one[key]), -Infinity)
    const summary =
      found.length === 0 ? {} : { worstMs: most('ms'), worstOverMs: most('overMs'), medianMs: median(found.map(({ ms }) => ms)) }
    return { resumes: this.#resumes.length, counted: found.length, steps: found.reduce((sum, { steps }) => sum + steps, 0), ...summary }
  }
}
