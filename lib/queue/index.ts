// `lumina-dimoo/queue`: runs as jobs in Redis, decoded by workers on any machine.
import { emitWarning } from 'node:process'
import { SNAPSHOT_EVERY_MS } from '../remote/checkpoints.js'
import type { JobData } from './job.js'
import { Keys, PREFIX } from './keys.js'
import { openStore } from './open-store.js'
import { checkQueue, checkWorker, type QueueOptions, type WorkerOptions } from './options.js'
import { Queue } from './queue.js'
import { connect, loadPeers, unavailable, type Redis, type Warn } from './redis.js'
import { Subscriptions } from './subscriptions.js'
import { LOCK_MS, MOST_STALLS, Worker } from './worker.js'

export type { WorkerReport } from './fleet.js'
export type { QueueOptions, WorkerOptions } from './options.js'
export type { Queue } from './queue.js'
export type { ConnectionOptions } from './redis.js'
export type { QueueStats } from './stats.js'
export { openStore } from './open-store.js'
export type { BlobStore } from './store.js'
export type { Worker } from './worker.js'

const NAME = 'default'
const ROWS_AT_ONCE = 2048
const BLOB_TTL_MS = 86_400_000
const STALLED_MS = 5000

/**
 * A queue in Redis as a runner: what it is asked becomes a job, decoded by whichever worker takes it, and resumed by another one where that
 * dies. Runs outlive the process that asked for them. Needs the packages bullmq and ioredis.
 *
 * @throws `request/invalid` for options, `binding/not-found` without the packages. Redis itself is waited for.
 * @example
 * const queue = await createQueue({ connection: 'redis://localhost', store: '/srv/dimoo' })
 * const { image } = await queue.generate({ prompt: 'a red circle' }).result()
 */
export async function createQueue(options: QueueOptions): Promise<Queue> {
  checkQueue(options)
  const { connection, name = NAME } = options
  const [peers, store] = await Promise.all([loadPeers(), openStore(options.store)])
  const warn = warnings(options)
  const [redis, listening] = [connect(peers, connection, 'brief', warn), connect(peers, connection, 'patient', warn)]
  const bull = new peers.bullmq.Queue<JobData>(name, { connection: redis, prefix: PREFIX, skipMetasUpdate: false })
  bull.on('error', () => undefined) // connections say it themselves
  return new Queue(
    { bull, redis, subscriptions: new Subscriptions(listening), keys: new Keys(name), store, hangUp: () => hangUp(redis, listening) },
    options,
  )
}

/**
 * Decodes what is in a queue with a runner. Takes as many jobs as fill a pass; gives back what it has, written down, when it is closed.
 *
 * @throws As `createQueue`, and what `runner.info()` throws.
 * @example
 * const worker = await createWorker({ connection: 'redis://localhost', store: '/srv/dimoo', runner: await loadModel() })
 * process.once('SIGTERM', () => worker.close())
 */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  checkWorker(options)
  const { connection, runner, name = NAME, concurrency, rowsAtOnce = ROWS_AT_ONCE, blobTtlMs = BLOB_TTL_MS } = options
  const [peers, store, info] = await Promise.all([loadPeers(), openStore(options.store), runner.info()])
  const warn = warnings(options)
  const [redis, listening] = [connect(peers, connection, 'patient', warn), connect(peers, connection, 'patient', warn)]
  const bull = new peers.bullmq.Worker<JobData>(name, null, {
    connection: redis,
    prefix: PREFIX,
    autorun: false,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_MS,
    maxStalledCount: MOST_STALLS - 1,
    skipLockRenewal: true,
    runRetryDelay: 1000,
    drainDelay: 1, // a wait that nobody can cut short
  })
  await redis.ping().catch((error: unknown) => {
    throw unavailable(error)
  })
  const worker = new Worker({
    peers,
    bull,
    redis,
    subscriptions: new Subscriptions(listening),
    keys: new Keys(name),
    store,
    runner,
    info,
    snapshotEveryMs: options.snapshotEvery ?? SNAPSHOT_EVERY_MS,
    concurrency,
    rowsAtOnce,
    blobTtlMs,
    warn,
    hangUp: () => hangUp(redis, listening),
  })
  await worker.ready
  return worker
}

function warnings({ logger }: Pick<QueueOptions, 'logger'>): Warn {
  return (details, message) => (logger ? logger.warn(details, message) : emitWarning(message, 'DimooWarning'))
}

async function hangUp(...connections: readonly Redis[]): Promise<void> {
  await Promise.all(
    connections.map((one) =>
      one.quit().then(
        () => undefined,
        () => one.disconnect(),
      ),
    ),
  )
}
