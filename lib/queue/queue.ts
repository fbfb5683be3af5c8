// A queue: a runner whose runs are jobs that any worker decodes, on any machine. It loads nothing; a run outlives whoever asked for it, and is
// found again by its name.
import type { JobsOptions, Queue as BullQueue } from 'bullmq'
import { randomUUID } from 'node:crypto'
import { DimooError, invalid, QueueFullError } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import type { RawImage } from '../fields/values.js'
import { CLOSE_FIELDS } from '../model/options.js'
import type { ModelInfo } from '../native/info.js'
import { checkCall, checkSnapshot, travellingOptions } from '../remote/call.js'
import { requestMessage } from '../remote/frames.js'
import { remoteRun, type RemoteRun } from '../remote/run.js'
import { workOf } from '../runner/work.js'
import type { TaskName } from '../requests/names.js'
import { RESUME_FIELDS } from '../requests/run-options.js'
import type { PreviewOptions, ResumeOptions, TaskRequests } from '../requests/types/index.js'
import { LiveRuns } from '../run/live-runs.js'
import type { AnyRun, StepData } from '../run/types.js'
import { materialise } from '../runner/materialise.js'
import { RunnerBase, type CloseOptions, type RunKeeper, type RunOf, type StepDrawer } from '../runner/runner.js'
import { draw } from './draws.js'
import { estimatedWaitMs, fleet, knownInfo } from './fleet.js'
import { checkJob, digestOfAsked, packed, type JobData } from './job.js'
import { jobOf, type Keys } from './keys.js'
import type { QueueOptions } from './options.js'
import { QueuedRun, type Queuer } from './queued-run.js'
import { unavailable, type Redis } from './redis.js'
import { EVENTS_MS } from './scripts.js'
import { queueStats, type QueueStats } from './stats.js'
import { keep, type BlobStore } from './store.js'
import type { Subscriptions } from './subscriptions.js'

export interface QueueParts {
  readonly bull: BullQueue<JobData>
  readonly redis: Redis
  readonly subscriptions: Subscriptions
  readonly keys: Keys
  readonly store: BlobStore
  /** Closes the connections. */
  readonly hangUp: () => Promise<void>
}

const MOST_WAITING = 1024
const RESULT_TTL_MS = 3600_000
/** How long a queue that has never had a worker waits for the first one. */
const FIRST_WORKER_MS = 10_000
const INFO_MS = 5000
/** BullMQ's priorities begin at 1, the first to go. */
const LOWEST = 1001

type Prepared = Pick<JobData, 'request' | 'snapshot' | 'work' | 'inputs' | 'digest'>

export class Queue extends RunnerBase implements StepDrawer, RunKeeper {
  readonly #parts: QueueParts
  readonly #options: QueueOptions
  readonly #runs = new LiveRuns<RemoteRun>()
  readonly #followed = new Set<QueuedRun>()
  readonly #queuer: Queuer
  #info: { readonly value: ModelInfo; readonly at: number } | undefined
  #closing: Promise<void> | undefined

  /** @internal Use `createQueue`. */
  constructor(parts: QueueParts, options: QueueOptions) {
    super()
    this.#parts = parts
    this.#options = options
    const { redis, subscriptions, store } = parts
    const isClosing = (): boolean => this.#closing !== undefined
    this.#queuer = {
      redis,
      subscriptions,
      store,
      add: (data) => this.#add(data),
      remove: (data) => this.#remove(data),
      ended: (run) => void this.#followed.delete(run),
      get closing() {
        return isClosing()
      },
    }
  }

  /** A run of a name that is in the queue, or was within `resultTtlMs`, is followed where the request is the same. */
  override run<Task extends TaskName, const Options extends ResumeOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options> {
    this.#checkOpen()
    const own = checkCall(task, request, options ?? {}, RESUME_FIELDS, this.#info?.value)
    const prepare = async (signal: AbortSignal, info: ModelInfo): Promise<Prepared> => {
      const ready = await materialise(task, own, info, signal)
      const { message, blobs } = await packed(this.#parts.store, requestMessage(task, ready, {}))
      return {
        request: Buffer.from(message).toString('base64'),
        work: workOf(task, own, info),
        inputs: blobs,
        digest: digestOf(task, ready, own.seed === undefined),
      }
    }
    return this.#begin(task, options ?? {}, prepare) as AnyRun as RunOf<Task, Options>
  }

  override resume(snapshot: Uint8Array, options: ResumeOptions = {}): AnyRun {
    this.#checkOpen()
    const { task, steps } = checkSnapshot(snapshot, options, RESUME_FIELDS)
    const own = new Uint8Array(snapshot)
    return this.#begin(task, options, async () => {
      const key = await keep(this.#parts.store, own)
      return { snapshot: key, inputs: [key], work: { rows: workOf(task, {} as never, undefined).rows, steps }, digest: key }
    })
  }

  /**
   * A run that somebody has put into the queue, by its name: steps from the first one that is still there, and its result. undefined: there
   * is none, or its result is gone.
   *
   * @param options.tag Of the run: names are a tenant's own.
   */
  async attach(id: string, { tag }: { readonly tag?: string } = {}): Promise<AnyRun | undefined> {
    this.#checkOpen()
    const data = await this.#data(jobOf(id, tag))
    if (!data) return undefined
    return this.#follow(data.task, { ...data.options, id }, async () => data, true)
  }

  /** Whether the run of this name was asked for by this very request. */
  async isOf<Task extends TaskName>(
    { id, tag }: { readonly id: string; readonly tag?: string | undefined },
    task: Task,
    request: TaskRequests[Task],
  ): Promise<boolean> {
    const found = await this.#data(jobOf(id, tag))
    if (!found) return false
    const ready = await materialise(task, request, await this.info(), new AbortController().signal)
    return found.digest === digestOf(task, ready, request.seed === undefined)
  }

  async decodeStep(step: StepData, options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    this.#checkOpen()
    return draw(this.#parts, step, options)
  }

  /** Of a worker that is there, or was. Waits a while for the first one. */
  override async info(): Promise<ModelInfo> {
    this.#checkOpen()
    const until = performance.now() + FIRST_WORKER_MS
    for (;;) {
      if (this.#info && performance.now() - this.#info.at < INFO_MS) return this.#info.value
      const value = await knownInfo(this.#parts.redis, this.#parts.keys).catch((error: unknown) => {
        throw unavailable(error)
      })
      if (value) this.#info = { value, at: performance.now() }
      else if (performance.now() > until)
        throw new DimooError('device/unavailable', `queue: expected a worker, got none; start one with dimoo worker`)
      else await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  override async stats(): Promise<QueueStats> {
    this.#checkOpen()
    const { redis, keys } = this.#parts
    const [counts, workers] = await Promise.all([this.#counts(), fleet(redis, keys)])
    return queueStats(counts, workers)
  }

  /** Rejects while Redis does not answer. */
  async ping(): Promise<void> {
    this.#checkOpen()
    await this.#parts.redis.ping()
  }

  /** Ends what is waited for here. The runs go on; `attach` finds them. */
  override async close(options: CloseOptions = {}): Promise<void> {
    checkOptions('close', options, { fields: CLOSE_FIELDS })
    return (this.#closing ??= this.#close(options))
  }

  async #close({ timeoutMs = 0, reason = closedError() }: CloseOptions): Promise<void> {
    await Promise.resolve() // `closing` is true from here on
    await this.#runs.end(timeoutMs, reason)
    await this.#parts.bull.close()
    await this.#parts.hangUp()
  }

  #begin(task: TaskName, options: ResumeOptions, prepare: (signal: AbortSignal, info: ModelInfo) => Promise<Prepared>): RemoteRun {
    const { id = `run-${randomUUID()}`, tag, deadlineMs } = options
    const until = deadlineMs === undefined ? {} : { until: Date.now() + deadlineMs }
    const { id: _, ...travelling } = travellingOptions(options)
    const named = { ...options, id }
    return this.#follow(
      task,
      named,
      async (signal, info) => {
        const ready = await prepare(signal, info)
        const priority = this.#options.priorities?.[tag ?? ''] ?? options.priority ?? 0
        return { version: 1, id, task, ...ready, ...until, options: { ...travelling, priority } }
      },
      false,
    )
  }

  #follow(
    task: TaskName,
    options: ResumeOptions,
    prepare: (signal: AbortSignal, info: ModelInfo) => Promise<JobData>,
    isThere: boolean,
  ): RemoteRun {
    const { exact: _, ...own } = options
    let queued: QueuedRun | undefined
    const run = remoteRun({
      task,
      options: own,
      maxQueueMs: this.#options.maxQueueMs,
      prepare: async (signal) => {
        const info = await this.info()
        const data = await prepare(signal, info)
        const keys = this.#parts.keys.run(jobOf(data.id, data.options.tag))
        return {
          scale: info.scale,
          outlives: true,
          depart: (wake) => {
            queued = new QueuedRun(data, keys, this.#queuer, { isThere, wake })
            this.#followed.add(queued)
            return queued.far
          },
        }
      },
      draw: (step, asked) => this.decodeStep(step, asked),
      remask: (region, image, order) => queued!.remaskRegion(region, image, order),
    })
    return this.#runs.add(run)
  }

  async #data(job: string): Promise<JobData | undefined> {
    const text = await this.#parts.redis.hget(this.#parts.keys.run(job).job, 'data').catch((error: unknown) => {
      throw unavailable(error)
    })
    return text === null ? undefined : checkJob(JSON.parse(text))
  }

  async #add(data: JobData): Promise<void> {
    const { bull, redis, keys } = this.#parts
    const job = jobOf(data.id, data.options.tag)
    const known = await this.#data(job)
    if (known) {
      if (known.digest === data.digest) return
      throw invalid(`run ${data.id}: expected the request that was given under this name before, got another`)
    }
    const waiting = (await this.#counts()).waiting
    const { maxQueue = MOST_WAITING } = this.#options
    if (waiting >= maxQueue) {
      const ms = estimatedWaitMs(waiting, await fleet(redis, keys))
      throw new QueueFullError(`queue: ${waiting} runs wait, and at most ${maxQueue} may`, Math.max(1000, ms))
    }
    await bull.add(data.task, data, this.#jobOptions(job, data))
  }

  #jobOptions(jobId: string, { options: { priority = 0 } }: JobData): JobsOptions {
    const age = Math.ceil((this.#options.resultTtlMs ?? RESULT_TTL_MS) / 1000)
    return { jobId, priority: LOWEST - priority, removeOnComplete: { age }, removeOnFail: { age } }
  }

  // One that a worker has is locked, and hears of its end from its orders.
  async #remove(data: JobData): Promise<void> {
    const { bull, redis, keys } = this.#parts
    const job = jobOf(data.id, data.options.tag)
    // Its worker may have heard already: how it ended stays.
    const state = await bull.getJobState(job)
    if (!['waiting', 'prioritized', 'delayed'].includes(state)) return
    const removed = await bull.remove(job).catch(() => 0)
    // The name is free again soon.
    if (removed > 0) await redis.pexpire(keys.run(job).cancelled, EVENTS_MS)
  }

  async #counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    const found = await this.#parts.bull.getJobCounts('wait', 'prioritized', 'delayed', 'active').catch((error: unknown) => {
      throw unavailable(error)
    })
    const { wait = 0, prioritized = 0, delayed = 0, active = 0 } = found as Partial<Record<string, number>>
    return { waiting: wait + prioritized + delayed, active }
  }

  #checkOpen(): void {
    if (this.#closing) throw closedError()
  }
}

// A seed that was drawn here is no part of what was asked.
function digestOf<Task extends TaskName>(task: Task, ready: TaskRequests[Task], isDrawn: boolean): string {
  return digestOfAsked(requestMessage(task, isDrawn ? { ...ready, seed: '0' } : ready, {}))
}

function closedError(): DimooError {
  return new DimooError('disposed', 'the queue was closed')
}
