// What can be said about a queue and about a worker.
import { checkOptions } from '../fields/check.js'
import { integer, local, text, type Fields } from '../fields/field.js'
import { isObject } from '../base/realm.js'
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { Logger } from '../model/logger.js'
import { LONGEST_TIMER_MS } from '../requests/run-options.js'
import { checkRunner, type Runner } from '../runner/runner.js'
import { checkConnection, type ConnectionOptions } from './redis.js'
import type { BlobStore } from './store.js'

interface Common {
  /** A `redis://` or `rediss://` address, or options of ioredis. */
  readonly connection: ConnectionOptions
  /** Where pictures lie: a folder that all reach, `s3://bucket/prefix`, or a store of one's own. */
  readonly store: string | BlobStore
  /** Which queue: one for each model. Default 'default'. */
  readonly name?: string
  /** Warnings go there, in place of process warnings. */
  readonly logger?: Logger
}

export interface QueueOptions extends Common {
  /** Runs that may wait, of everybody; one more is `queue/full` with the estimated wait. 1 to 1000000. Default 1024. */
  readonly maxQueue?: number
  /** Longest a run may wait for a worker, in milliseconds (then `queue/timeout`). Default: no limit. */
  readonly maxQueueMs?: number
  /** Priorities of tenants, by tag: what a run says of its own counts within 0 of its tenant's. -1000 to 1000. */
  readonly priorities?: Readonly<Record<string, number>>
  /** How long results stay in Redis, in milliseconds. Default 3600000. */
  readonly resultTtlMs?: number
}

export interface WorkerOptions extends Common {
  /** What decodes: a model, or a pool. It stays open when the worker is closed. */
  readonly runner: Runner
  /** Jobs at once, 1 to 256. Default: as many as `rowsAtOnce` holds, while the runner has room for them. */
  readonly concurrency?: number
  /** Rows of the jobs that are taken at once: about those of a pass. 1 to 1000000. Default 2048. */
  readonly rowsAtOnce?: number
  /** Longest work of a run that a death may lose, in milliseconds, 50 to 3600000. Default 2000. */
  readonly snapshotEvery?: number
  /** How long pictures stay in a folder, in milliseconds: longer than any run waits. Default 86400000. */
  readonly blobTtlMs?: number
}

export const QUEUE_NAME = text({
  summary: 'Which queue: one for each model.',
  pattern: '[A-Za-z0-9_.-]{1,64}',
  rule: "1 to 64 letters, digits, '-', '_' and '.'",
  default: { value: 'default' },
})

const COMMON: Fields = {
  connection: local('any', 'Where Redis is.'),
  store: local('any', 'Where pictures lie.'),
  name: QUEUE_NAME,
  logger: local('any', 'Where warnings go.'),
}

const milliseconds = (min: number, summary: string): Fields[string] => integer(min, LONGEST_TIMER_MS, { summary, unit: 'milliseconds' })

const QUEUE_FIELDS: Fields = {
  ...COMMON,
  maxQueue: integer(1, 1_000_000, { summary: 'Runs that may wait.', default: { value: 1024 } }),
  maxQueueMs: milliseconds(0, 'Longest a run may wait.'),
  priorities: local('any', 'Priorities of tenants.'),
  resultTtlMs: milliseconds(1000, 'How long results stay.'),
}

/** What a worker's command says too. */
export const WORKER_FIELDS: Fields = {
  concurrency: integer(1, 256, { summary: 'Jobs at once.', default: { words: 'as many as rows-at-once holds, while the model has room' } }),
  rowsAtOnce: integer(1, 1_000_000, {
    summary: 'Rows of the jobs that are taken at once: about those of a pass.',
    default: { value: 2048 },
  }),
  snapshotEvery: integer(50, 3_600_000, {
    summary: 'Longest work of a run that a death may lose.',
    unit: 'milliseconds',
    default: { value: 2000 },
  }),
  blobTtlMs: integer(60_000, LONGEST_TIMER_MS, {
    summary: 'How long pictures stay in a folder: longer than any run waits.',
    unit: 'milliseconds',
    default: { value: 86_400_000 },
  }),
}

/** Throws `request/invalid`. */
export function checkQueue(options: QueueOptions): void {
  checkOptions('createQueue', options, { fields: QUEUE_FIELDS, required: ['connection', 'store'] })
  checkConnection('createQueue', options.connection)
  const { priorities = {} } = options
  if (!isObject(priorities)) throw invalid(`createQueue: priorities must be numbers by tag, got ${show(priorities)}`)
  for (const [tag, value] of Object.entries(priorities)) {
    const isPriority = Number.isInteger(value) && Math.abs(value) <= 1000
    if (!isPriority) throw invalid(`createQueue: priorities.${tag} must be an integer from -1000 to 1000, got ${show(value)}`)
  }
}

/** Throws `request/invalid`. */
export function checkWorker(options: WorkerOptions): void {
  checkOptions('createWorker', options, {
    fields: { ...COMMON, ...WORKER_FIELDS, runner: local('any', 'What decodes.') },
    required: ['connection', 'store', 'runner'],
  })
  checkConnection('createWorker', options.connection)
  checkRunner('createWorker: runner', options.runner)
}
