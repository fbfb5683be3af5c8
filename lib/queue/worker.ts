// A worker: takes jobs while its runner has room for them in a pass, decodes them side by side, keeps their locks, and says how each ended.
// BullMQ fetches, locks and ends jobs; the loop is ours, since what is taken depends on what is under way.
import type { Job, Worker as BullWorker } from 'bullmq'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { DimooError } from '../base/errors.js'
import type { ModelInfo } from '../native/info.js'
import type { Runner } from '../runner/runner.js'
import { Assignment, type Desk, type Ending } from './assignment.js'
import { Drawer } from './draws.js'
import { fleet, report, REPORT_EVERY_MS, retire, type WorkerReport } from './fleet.js'
import { checkJob, reasonOf, type JobData } from './job.js'
import type { Keys } from './keys.js'
import type { Peers, Redis } from './redis.js'
import { clear } from './scripts.js'
import type { Subscriptions } from './subscriptions.js'
import type { BlobStore } from './store.js'
import { Health } from './health.js'

export interface WorkerParts {
  readonly peers: Peers
  readonly bull: BullWorker<JobData>
  readonly redis: Redis
  readonly subscriptions: Subscriptions
  readonly keys: Keys
  readonly store: BlobStore
  readonly runner: Runner
  readonly info: ModelInfo
  readonly snapshotEveryMs: number
  /** Jobs at once; undefined: as many as fill a pass. */
  readonly concurrency: number | undefined
  readonly rowsAtOnce: number
  readonly blobTtlMs: number
  readonly warn: (details: object, message: string) => void
  /** Closes the connections. */
  readonly hangUp: () => Promise<void>
}

/** A lock not renewed for so long is gone, and the job with it. */
export const LOCK_MS = 15_000
const RENEW_MS = 5000
/** Stalls in a row without a step further. */
export const MOST_STALLS = 5
/** A job that is not for this worker now is left for so long. */
const LEFT_MS = 500
const SWEEP_EVERY_MS = 3600_000
const MOST_JOBS = 256
/** How long a worker that leaves waits for what it is fetching, and for Redis. */
const LAST_FETCH_MS = 4000
const ANSWER_MS = 2000

interface Held {
  readonly job: Job<JobData>
  readonly token: string
  readonly assignment: Assignment
  readonly done: Promise<void>
}

export class Worker {
  readonly id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  readonly #parts: WorkerParts
  readonly #desk: Desk
  readonly #held = new Map<string, Held>()
  readonly #health: Health
  readonly #drawer: Drawer
  readonly #timers: NodeJS.Timeout[]
  readonly #loop: Promise<void>
  #waiting: (() => void) | undefined
  #closing: Promise<void> | undefined
  /** Resolves once everybody knows that it is there. */
  readonly ready: Promise<void>
  #full = false // the runner has more than it can decode at once
  #completed = 0
  #resumed = 0
  #tellLost: (error: Error) => void = () => undefined
  /** Resolves when the device is lost with all that was on it: it is time to start again. */
  readonly lost = new Promise<Error>((resolve) => (this.#tellLost = resolve))
  #busySince: number | undefined
  #busyMs = 0

  /** @internal Use `createWorker`. */
  constructor(parts: WorkerParts) {
    this.#parts = parts
    const { redis, keys, subscriptions, store, runner, info, snapshotEveryMs, warn } = parts
    const others = async (): Promise<ModelInfo[]> => {
      const found = await fleet(redis, keys)
      return found.flatMap(({ id, info: one }) => (id === this.id ? [] : [one]))
    }
    this.#desk = { redis, subscriptions, store, runner, info, snapshotEveryMs, others, warn }
    this.#health = new Health(store, () => this.#changed(), warn)
    this.#drawer = new Drawer(parts)
    parts.bull.on('error', () => undefined) // connections say it themselves
    this.#timers = [
      setInterval(() => void this.#renew(), RENEW_MS),
      setInterval(() => void this.#report(), REPORT_EVERY_MS),
      setInterval(() => void store.sweep?.(parts.blobTtlMs).catch(() => undefined), SWEEP_EVERY_MS),
    ]
    this.ready = this.#report()
    void parts.bull.startStalledCheckTimer().catch(() => undefined)
    this.#loop = this.#work()
  }

  /** What it says of itself to everybody. */
  async stats(): Promise<WorkerReport> {
    const scheduler = await this.#parts.runner.stats().catch(() => undefined)
    this.#full = (scheduler?.queued ?? 0) > 0
    const busy = this.#busyMs + (this.#busySince === undefined ? 0 : performance.now() - this.#busySince)
    return {
      id: this.id,
      host: hostname(),
      pid: process.pid,
      info: this.#parts.info,
      jobs: this.#held.size,
      concurrency: this.#held.size + (this.#hasRoom() ? 1 : 0),
      jobsPerSecond: busy > 0 ? this.#completed / (busy / 1000) : 0,
      ended: this.#completed,
      resumed: this.#resumed,
      ...(this.#health.problem !== undefined && { unwell: this.#health.problem }),
      ...(scheduler && { scheduler }),
    }
  }

  /** Why it takes no jobs now; undefined: it does. */
  async obstacle(): Promise<string | undefined> {
    if (!this.#open()) return 'the worker is about to end'
    if (this.#health.problem !== undefined) return this.#health.problem
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('Redis does not answer'), ANSWER_MS).unref())
    return Promise.race([this.#parts.redis.ping().then(() => undefined), late])
  }

  /** Takes no more jobs, writes down how far each is and gives it back for others to go on with, and leaves. The runner stays open. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#changed()
    // First of all nothing more comes in: what is given back must not be taken again here.
    await Promise.race([this.#loop, pause(LAST_FETCH_MS)])
    await Promise.all([...this.#held.values()].map(({ assignment }) => assignment.giveBack()))
    await Promise.race([Promise.all([...this.#held.values()].map(({ done }) => done)), pause(LAST_FETCH_MS)])
    for (const timer of this.#timers) clearInterval(timer)
    this.#health.stop()
    const { redis, keys, bull, hangUp } = this.#parts
    await retire(redis, keys, this.id).catch(() => undefined)
    await Promise.all([bull.close(true), this.#drawer.close()])
    await hangUp()
  }

  #open(): boolean {
    return this.#closing === undefined
  }

  async #work(): Promise<void> {
    while (this.#open()) {
      if (!this.#hasRoom()) {
        await this.#change()
        continue
      }
      const token = randomUUID()
      const job = await this.#fetch(token)
      if (job && !this.#open()) await job.moveToWait(token).catch(() => undefined)
      else if (job) this.#take(job, token)
    }
  }

  async #fetch(token: string): Promise<Job<JobData> | undefined> {
    try {
      return await this.#parts.bull.getNextJob(token)
    } catch {
      await pause(200) // Redis is away
      return undefined
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  #changed(): void {
    this.#waiting?.()
    this.#waiting = undefined
  }

  #hasRoom(): boolean {
    const { concurrency, rowsAtOnce } = this.#parts
    if (this.#health.problem !== undefined) return false
    if (concurrency !== undefined) return this.#held.size < concurrency
    let rows = 0
    for (const { assignment } of this.#held.values()) rows += assignment.rows
    return this.#held.size === 0 || (!this.#full && rows < rowsAtOnce && this.#held.size < MOST_JOBS)
  }

  #take(job: Job<JobData>, token: string): void {
    const id = job.id!
    const keys = this.#parts.keys.run(id)
    let assignment: Assignment
    try {
      assignment = new Assignment(this.#desk, checkJob(job.data), keys, token)
    } catch (error) {
      void this.#end(job, token, { failed: error }).catch(() => undefined)
      return
    }
    this.#busySince ??= performance.now()
    const ended = async (): Promise<void> => {
      const ending = job.deferredFailure ? { failed: new Error(job.deferredFailure) } : await assignment.decode()
      if (assignment.resumed) this.#resumed++
      await this.#end(job, token, ending, assignment)
    }
    const done = ended()
      .catch((error: unknown) => this.#parts.warn({ run: job.data.id }, `worker: ${(error as Error).message}`))
      .finally(() => this.#left(id, token))
    this.#held.set(id, { job, token, assignment, done })
  }

  // One that was lost, found and taken again before the first hands had let go of it is in others by now, and its lock theirs to renew.
  #left(id: string, token: string): void {
    if (this.#held.get(id)?.token === token) this.#held.delete(id)
    if (this.#held.size === 0 && this.#busySince !== undefined) {
      this.#busyMs += performance.now() - this.#busySince
      this.#busySince = undefined
    }
    this.#changed()
  }

  // With the token of a job that is somebody else's by now BullMQ refuses all of these.
  async #end(job: Job<JobData>, token: string, ending: Ending, assignment?: Assignment): Promise<void> {
    const { keys, redis, peers } = this.#parts
    if (ending === 'lost') return
    if (ending === 'back') {
      await job.moveToWait(token)
      return
    }
    if (ending === 'elsewhere') {
      await job.moveToDelayed(Date.now() + LEFT_MS, token)
      return
    }
    if (ending === 'cancelled') await job.moveToFailed(new peers.bullmq.UnrecoverableError(reasonOf(aborted())), token, false)
    else if ('returned' in ending) await job.moveToCompleted(ending.returned, token, false)
    else if (await this.#goesElsewhere(job, token, ending.failed)) return
    else await job.moveToFailed(new peers.bullmq.UnrecoverableError(reasonText(ending.failed)), token, false)
    this.#completed++
    await clear(redis, keys.run(job.id!))
    await assignment?.forget()
  }

  // A disk or a device that fails is this worker's trouble: others go on with the job.
  async #goesElsewhere(job: Job<JobData>, token: string, error: unknown): Promise<boolean> {
    const isDisk = DimooError.is(error, 'output/failed')
    if (!isDisk && !DimooError.is(error, 'device/lost')) return false
    const stalls = isDisk ? 0 : await this.#parts.redis.hincrby(this.#parts.keys.run(job.id!).job, 'stc', 1)
    if (stalls >= MOST_STALLS) return false
    this.#health.fell(error, isDisk)
    if (!isDisk) this.#tellLost(error)
    await job.moveToDelayed(Date.now() + LEFT_MS, token)
    return true
  }

  async #renew(): Promise<void> {
    const all = [...this.#held]
    if (all.length === 0) return
    try {
      const ids = all.map(([id]) => id)
      const lost = await this.#parts.bull.extendJobLocks(
        ids,
        all.map(([, { token }]) => token),
        LOCK_MS,
      )
      for (const [id, { assignment }] of all) if (lost.includes(id)) assignment.lose()
    } catch {
      // Redis is away: the next renewal tells whether the locks are
    }
  }

  async #report(): Promise<void> {
    try {
      const found = await this.stats()
      if (this.#open()) await report(this.#parts.redis, this.#parts.keys, found)
      this.#changed()
    } catch {
      // Redis is away
    }
  }
}

const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms).unref())
const aborted = (): DOMException => new DOMException('the run was aborted: its caller asked for it', 'AbortError')

// BullMQ's own words stay as they are.
function reasonText(error: unknown): string {
  return error instanceof Error && error.message.startsWith('job stalled') ? error.message : reasonOf(error)
}
