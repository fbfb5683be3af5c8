// What is known of the workers: each says what it has loaded and how it does, and is forgotten when it says nothing for a while.
import type { Redis } from './redis.js'
import type { ModelInfo } from '../native/info.js'
import type { SchedulerStats } from '../runner/runner.js'
import type { Keys } from './keys.js'

/** What a worker says of itself. */
export interface WorkerReport {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly info: ModelInfo
  /** Jobs that it has, and how many it takes at once now. */
  readonly jobs: number
  readonly concurrency: number
  /** Jobs that it has ended a second while it had any; 0 before the first one. */
  readonly jobsPerSecond: number
  /** Jobs that it has ended, and those of them and of the others that it took over from a snapshot. */
  readonly ended: number
  readonly resumed: number
  /** Why it takes no jobs now. */
  readonly unwell?: string
  readonly scheduler?: SchedulerStats
}

export const REPORT_EVERY_MS = 2000
const FORGOTTEN_MS = 10_000

export async function report(redis: Redis, keys: Keys, found: WorkerReport): Promise<void> {
  await redis
    .multi()
    .set(keys.worker(found.id), JSON.stringify(found), 'PX', FORGOTTEN_MS)
    .sadd(keys.workers, found.id)
    .set(keys.info, JSON.stringify(found.info))
    .exec()
}

export async function retire(redis: Redis, keys: Keys, id: string): Promise<void> {
  await redis.multi().del(keys.worker(id)).srem(keys.workers, id).exec()
}

/** Workers that are there. */
export async function fleet(redis: Redis, keys: Keys): Promise<WorkerReport[]> {
  const ids = await redis.smembers(keys.workers)
  if (ids.length === 0) return []
  const found = await redis.mget(ids.map((id) => keys.worker(id)))
  const gone = ids.filter((_, i) => found[i] === null)
  if (gone.length > 0) await redis.srem(keys.workers, ...gone)
  return found.flatMap((text) => (text ? (JSON.parse(text) as WorkerReport) : []))
}

/** Of a worker's model, also where all of them are away. */
export async function knownInfo(redis: Redis, keys: Keys): Promise<ModelInfo | undefined> {
  const text = await redis.get(keys.info)
  return text ? (JSON.parse(text) as ModelInfo) : undefined
}

/** How long a job that comes now waits, in milliseconds, as the workers have done so far. */
export function estimatedWaitMs(waiting: number, workers: readonly WorkerReport[]): number {
  const rate = workers.reduce((sum, { jobsPerSecond, unwell }) => sum + (unwell === undefined ? jobsPerSecond : 0), 0)
  const free = workers.reduce((sum, { concurrency, jobs }) => sum + Math.max(0, concurrency - jobs), 0)
  if (waiting < free) return 0
  // Nobody has ended anything yet: a job a second and worker.
  return Math.ceil(((waiting - free + 1) / (rate > 0 ? rate : Math.max(1, workers.length))) * 1000)
}
