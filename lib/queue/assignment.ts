// One job in a worker's hands: begun, or gone on with from its last snapshot; its steps told, orders followed, snapshots written, until it has
// ended or is somebody else's. It never says twice how a job ended: whoever holds the lock's token says it.
import { DimooError, errorToData, invalid } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import type { ModelInfo } from '../native/info.js'
import { Checkpoints } from '../remote/checkpoints.js'
import { messageOf, resultMessage, stepMessage } from '../remote/frames.js'
import { placement } from '../remote/placement.js'
import type { TaskName } from '../requests/names.js'
import type { ResumeOptions, RunOptions } from '../requests/types/index.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import type { AnyRun } from '../run/types.js'
import type { Runner } from '../runner/runner.js'
import { snapshotHeader } from '../snapshot/index.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { returned, unpacked, type JobData, type Returned } from './job.js'
import type { RunKeys } from './keys.js'
import { NOTHING, Orders, type Order } from './orders.js'
import type { Redis } from './redis.js'
import { beginAnew, checkpoint, publish, type Publication, type Standing } from './scripts.js'
import { fetchKept, keep, type BlobStore } from './store.js'
import type { Subscriptions } from './subscriptions.js'
import { Told } from './told.js'

/** What a worker lends to all its jobs. */
export interface Desk {
  readonly redis: Redis
  readonly subscriptions: Subscriptions
  readonly store: BlobStore
  readonly runner: Runner
  readonly info: ModelInfo
  readonly snapshotEveryMs: number
  /** Models of the other workers. */
  readonly others: () => Promise<readonly ModelInfo[]>
  readonly warn: (details: object, message: string) => void
}

/** How it ended here. 'back': for whoever comes next. 'lost': it is somebody else's already. 'cancelled': nobody wants it. */
export type Ending = { readonly returned: Returned } | { readonly failed: unknown } | 'back' | 'elsewhere' | 'lost' | 'cancelled'

interface Beginning {
  readonly bytes: Uint8Array
  readonly applied: string
}

/** Larger snapshots hold a picture. */
const MOST_IN_REDIS = 64 * 1024
/** Of one run's events. */
const EVENT_BYTES = 1 << 20
const MOST_EVENTS = 512
const GIVE_BACK_MS = 5000
const STEPS_AHEAD = 16

export class Assignment {
  readonly data: JobData
  readonly #desk: Desk
  readonly #keys: RunKeys
  readonly #token: string
  #run: AnyRun | undefined
  /** It was begun by another worker. */
  resumed = false
  #checkpoints: Checkpoints | undefined
  #verdict: 'back' | 'lost' | 'cancelled' | undefined
  #applied = NOTHING
  #from = 0 // its first step here
  #told = new Told(-1)
  #written = NOTHING // the last order in the snapshot that is being taken
  #blob: string | undefined // where the last snapshot lies
  #quiet: Promise<unknown> = Promise.resolve() // snapshots and what changes the run, one after the other

  constructor(desk: Desk, data: JobData, keys: RunKeys, token: string) {
    this.#desk = desk
    this.data = data
    this.#keys = keys
    this.#token = token
  }

  /** Rows of one of its passes. */
  get rows(): number {
    return this.data.work.rows
  }

  async decode(): Promise<Ending> {
    let orders: Orders | undefined
    try {
      const run = await this.#begin()
      if (!run) return this.#verdict ?? 'elsewhere'
      // Asked for at once: leaving the steps does not abort a run whose result is wanted.
      const steps = this.#tellSteps(run)
      const result = run.result()
      result.catch(() => undefined)
      this.#watch(run)
      orders = new Orders(this.#desk, this.#keys, this.#applied, {
        cancelled: () => this.#leave('cancelled'),
        order: (order) => this.#follow(run, order),
      })
      await orders.begin()
      const message = resultMessage(run.task, await result)
      await steps
      await this.#checkpoints!.stop()
      if (this.#verdict) return this.#verdict
      return { returned: await returned(this.#desk.store, message) }
    } catch (error) {
      await this.#checkpoints?.stop()
      return this.#verdict ?? this.#failure(error)
    } finally {
      orders?.end()
      this.#run?.abort()
    }
  }

  /** Writes down how far it is and stops: another worker goes on. */
  async giveBack(): Promise<void> {
    if (this.#run && !this.#verdict) {
      const written = this.#checkpoints?.now().catch(() => undefined)
      await Promise.race([written, new Promise((resolve) => setTimeout(resolve, GIVE_BACK_MS).unref())])
    }
    this.#leave('back')
  }

  /** The lock is gone. */
  lose(): void {
    this.#leave('lost')
  }

  /** What lies in the store for it alone. */
  async forget(): Promise<void> {
    if (this.#blob) await this.#desk.store.delete(this.#blob)
  }

  // undefined: not here, or not now.
  async #begin(): Promise<AnyRun | undefined> {
    const { runner, info, others, redis } = this.#desk
    const { task, id, options, until } = this.data
    const found = await this.#beginning()
    const travelling = { ...options, id, ...this.#within(until), ...ahead(options) }
    const { exact = true, ...without } = travelling
    const how = found ? placement(snapshotHeader(found.bytes), exact, info, await others()) : 'exactly'
    if (how === 'leave' || this.#verdict) return undefined
    if (found && how !== 'anew') {
      this.#applied = this.#written = found.applied
      const { step } = snapshotHeader(found.bytes)
      this.#from = step
      this.#told = new Told(step - 1)
      if (!(await this.#tell({ kind: 'resumed', message: encodeCbor({ step }), most: MOST_EVENTS }))) return undefined
      this.resumed = true
      return this.#held(runner.resume(found.bytes, { ...without, exact: how === 'exactly' }))
    }
    if (this.data.request === undefined)
      throw invalid(`resume: expected a worker with model ${task} of the snapshot, got none that goes on with it`)
    if (found) {
      this.#heed(await beginAnew(redis, this.#keys, this.#token))
      if (!(await this.#tell({ kind: 'anew', most: MOST_EVENTS }))) return undefined
    }
    const message = messageOf(await unpacked(this.#desk.store, Buffer.from(this.data.request, 'base64')))
    if (message.kind !== 'request') throw invalid(`queue: expected a request, got a ${message.kind}`)
    if (!(await this.#tell({ kind: 'running', most: MOST_EVENTS }))) return undefined
    return this.#held(runner.run<TaskName, RunOptions>(message.task, message.request, without))
  }

  // From here on whoever takes it away ends it, also while it is being held.
  async #held(run: AnyRun): Promise<AnyRun> {
    this.#run = run
    if ((await this.#desk.redis.hget(this.#keys.seen, 'paused')) === '1') await run.pause()
    return run
  }

  async #beginning(): Promise<Beginning | undefined> {
    const { redis, store } = this.#desk
    const found = await redis.hgetallBuffer(this.#keys.snapshot)
    const applied = found['applied']?.toString() ?? NOTHING
    if (found['bytes']) return { bytes: new Uint8Array(found['bytes']), applied }
    this.#blob = found['blob']?.toString()
    const key = this.#blob ?? this.data.snapshot
    return key === undefined ? undefined : { bytes: new Uint8Array(await fetchKept(store, key)), applied }
  }

  #within(until: number | undefined): { readonly deadlineMs?: number } {
    return until === undefined ? {} : { deadlineMs: Math.max(0, until - Date.now()) }
  }

  #watch(run: AnyRun): void {
    const watched = {
      get state() {
        return run.state
      },
      snapshot: () =>
        this.#alone(async () => {
          const bytes = await run.snapshot()
          this.#written = this.#applied
          return bytes
        }),
    }
    this.#checkpoints = new Checkpoints(watched, this.#desk.snapshotEveryMs, (bytes, step) => this.#write(bytes, step), this.#from)
  }

  // Whoever goes on from a snapshot never sees what came before it: those steps are told first.
  async #write(bytes: Uint8Array, step: number): Promise<boolean> {
    const { redis, store, warn } = this.#desk
    const { sizes } = snapshotHeader(bytes)
    await this.#told.upTo(step - 1, 'images' in sizes ? sizes.images : 1)
    const known = { token: this.#token, step, applied: this.#written }
    if (bytes.length <= MOST_IN_REDIS) return this.#heed(await checkpoint(redis, this.#keys, { ...known, bytes }))
    try {
      const before = this.#blob
      const blob = await keep(store, bytes)
      const mine = this.#heed(await checkpoint(redis, this.#keys, { ...known, blob }))
      if (mine) this.#blob = blob
      if (mine && before !== undefined && before !== blob) await store.delete(before)
      return mine
    } catch (error) {
      if (!DimooError.is(error, 'output/failed')) throw error
      warn({ run: this.data.id, step }, `worker: a snapshot could not be kept: ${error.message}`) // the one before it serves
      return true
    }
  }

  async #tellSteps(run: AnyRun): Promise<void> {
    if (this.data.options.delivery !== 'all') this.#told.end()
    if (this.data.options.delivery === 'none') return
    try {
      for await (const step of run as AsyncIterable<ImageStep | TextStep>) {
        const message = stepMessage(run.task, step)
        const progress = JSON.stringify({ step: step.step + 1, steps: step.steps })
        const image = step.kind === 'image' ? step.image : 0
        const most = Math.max(2, Math.min(MOST_EVENTS, Math.floor(EVENT_BYTES / message.length)))
        if (!(await this.#tell({ kind: 'step', image, step: step.step, message, most, progress }))) return
        this.#told.step(image, step.step)
      }
    } catch {
      // the result says why
    } finally {
      this.#told.end()
    }
  }

  async #follow(run: AnyRun, { id, name, kind, message }: Order): Promise<void> {
    let error: unknown
    try {
      if (kind === 'remask') await this.#alone(() => this.#remask(run, message, id))
      else {
        this.#applied = id
        if (kind === 'pause' || kind === 'continue') await run[kind]()
        if (kind !== 'snapshot') await this.#desk.redis.hset(this.#keys.seen, 'paused', kind === 'pause' ? '1' : '0')
      }
      if (kind === 'remask' || kind === 'snapshot') await this.#checkpoints!.now()
    } catch (caught) {
      error = caught
    }
    const answer = { order: name, ...(error !== undefined && { error: errorToData(error) }) }
    await this.#tell({ kind: 'answer', message: encodeCbor(answer), most: MOST_EVENTS })
  }

  async #remask(run: AnyRun, message: Uint8Array, id: string): Promise<void> {
    try {
      if (!('remask' in run)) throw invalid('remask: expected a run that draws pictures, got one that answers in text')
      const { region, image } = decodeCbor(message) as { readonly region: MaskInput; readonly image: number }
      await run.remask(region, { image })
    } finally {
      this.#applied = id
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#quiet.then(work)
    this.#quiet = done.catch(() => undefined)
    return done
  }

  async #tell(told: Publication): Promise<boolean> {
    return this.#heed(await publish(this.#desk.redis, this.#keys, this.#token, told))
  }

  #heed(standing: Standing): boolean {
    if (standing !== 'ok') this.#leave(standing)
    return standing === 'ok'
  }

  #leave(verdict: 'back' | 'lost' | 'cancelled'): void {
    this.#verdict ??= verdict
    this.#run?.abort()
  }

  #failure(error: unknown): Ending {
    // Somebody closes the runner, it has no room, or its device or this disk is gone: nothing that is wrong with the job.
    if (DimooError.is(error, 'disposed') || DimooError.is(error, 'queue/full')) return 'back'
    return { failed: error }
  }
}

// Steps go into a stream that keeps them: a reader's own pace does not hold the run.
function ahead({ delivery, buffer = 1 }: ResumeOptions): Partial<ResumeOptions> {
  return delivery === 'all' ? { buffer: Math.max(buffer, STEPS_AHEAD) } : {}
}
