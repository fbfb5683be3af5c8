// One run in the queue, seen from whoever asked for it: put there, followed as a stream of events over any number of workers, to its end. What
// comes is read as it comes; steps wait here for their reader, a few of them, and in Redis beyond that.
import { randomUUID } from 'node:crypto'
import { DimooError, errorFromData, errorToData, invalid, type ErrorData } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import type { FarEnd, FarStep } from '../remote/far.js'
import { FarRun, type FarPort } from '../remote/far-run.js'
import { messageOf } from '../remote/frames.js'
import { emit } from '../run/diagnostics.js'
import { snapshotHeader } from '../snapshot/index.js'
import { decodeCbor } from '../wire/cbor.js'
import { collapsed, eventsAfter, seam, type Event } from './events.js'
import { endFrom, type JobData } from './job.js'
import type { RunKeys } from './keys.js'
import { cancel, give, type Order } from './orders.js'
import { unavailable, type Redis } from './redis.js'
import { countFrom } from './scripts.js'
import { fetchKept, type BlobStore } from './store.js'
import type { Subscriptions } from './subscriptions.js'

/** What a queue does for its runs. */
export interface Queuer {
  readonly redis: Redis
  readonly subscriptions: Subscriptions
  readonly store: BlobStore
  /** Puts the job into the queue; one that is there already is followed. Throws `queue/full`, `request/invalid`. */
  add(data: JobData): Promise<void>
  /** Takes a job that nobody has begun out of the queue. */
  remove(data: JobData): Promise<void>
  ended(run: QueuedRun): void
  /** Runs go on though nobody here follows them. */
  readonly closing: boolean
}

interface Asked {
  readonly kind: Order['kind']
  readonly done: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

type Given = Pick<Order, 'name' | 'kind'> & { readonly message: object | undefined }

const LOOK_MS = 1000
const MOST_PENDING = 64
const MOST_ANSWERS = 256

export class QueuedRun implements FarPort {
  readonly far: FarRun
  readonly data: JobData
  readonly #queue: Queuer
  readonly #keys: RunKeys
  readonly #asked = new Map<string, Asked>()
  readonly #answers = new Map<string, Uint8Array>() // by the order's name: it may be asked for again, or only now
  #given: Given[] = [] // what would be lost with Redis's memory
  #pending: Event[] = []
  #heard = 0 // the last event that was looked at
  #read = 0 // the last one that is pending or delivered
  #looking = false
  #again = false
  #over = false
  #lives = 0
  #forgotten = 0 // events before the first one that is left
  #timer: NodeJS.Timeout | undefined
  #unlisten: (() => void) | undefined

  /** `isThere`: in the queue already. */
  constructor(data: JobData, keys: RunKeys, queue: Queuer, { isThere, wake }: { readonly isThere: boolean; readonly wake: () => void }) {
    this.data = data
    this.#keys = keys
    this.#queue = queue
    this.far = new FarRun(this, wake)
    this.#begin(isThere).catch((error: unknown) => this.#finish({ error: errorToData(unavailable(error)) }))
  }

  async #begin(isThere: boolean): Promise<void> {
    void this.#listen() // not waited for: where Redis is away, whoever adds the run says so
    if (!isThere && !this.#over) await this.#queue.add(this.data)
    if (this.#over) {
      this.#revoke() // it was on its way when it was cancelled
      return
    }
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
    this.#look()
  }

  async #listen(): Promise<void> {
    try {
      const unlisten = await this.#queue.subscriptions.listen(this.#keys.news, () => this.#look())
      if (this.#over) unlisten()
      else this.#unlisten = unlisten
      this.#look() // what was told meanwhile
    } catch {
      // the queue is closed
    }
  }

  // What its reader asks for ------------------------------------------------------------------------------------------------------------
  pull(): void {
    queueMicrotask(() => void this.#deliver().catch(() => undefined)) // its reader does not wait yet
  }

  cancel(): void {
    if (this.#over) return
    this.#leave('aborted')
    this.#revoke()
  }

  #revoke(): void {
    if (this.#queue.closing) return
    cancel(this.#queue.redis, this.#keys)
      .then(() => this.#queue.remove(this.data))
      .catch(() => undefined) // Redis is away for long: the run is decoded for nobody
  }

  remask(image: number, cells: Uint32Array): void {
    this.remaskRegion(cells, image).catch(() => undefined)
  }

  /** `name`: of the order; given again under it, it is followed once. */
  remaskRegion(region: MaskInput, image: number, name?: string): Promise<void> {
    return this.#ask('remask', { region, image }, name)
  }

  snapshot(): void {
    this.#ask('snapshot').then(
      () => this.#fetchSnapshot(),
      () => this.far.refused(),
    )
  }

  pause(): void {
    this.#ask('pause').catch(() => undefined)
  }

  continue(): void {
    this.#ask('continue').catch(() => undefined)
  }

  // Resolves once a worker has done it, and written it down.
  async #ask(kind: Order['kind'], message?: object, name: string = randomUUID()): Promise<void> {
    const told = this.#answers.get(name) // where it was given at another server, and its answer did not come back
    if (!told && this.#over) throw gone(kind)
    const { redis } = this.#queue
    const asked = this.#asked.get(name)
    if (asked) return asked.done
    let settle!: Pick<Asked, 'resolve' | 'reject'>
    const done = new Promise<void>((resolve, reject) => (settle = { resolve, reject }))
    this.#asked.set(name, { kind, done, ...settle })
    done.catch(() => undefined)
    if (told) {
      this.#answered(told)
      return done
    }
    try {
      await give(redis, this.#keys, name, kind, message)
    } catch (error) {
      this.#asked.delete(name)
      throw unavailable(error)
    }
    // The last word on whether it is held, and every remasking once: no more of those than `give` takes.
    if (kind !== 'snapshot') {
      const others = this.#given.filter((one) => (kind === 'remask' ? one.name !== name : one.kind === 'remask'))
      this.#given = [...others, { name, kind, message }]
    }
    // Given elsewhere before, it may have been followed already.
    const known = this.#answers.get(name)
    if (known) this.#answered(known)
    await done
  }

  async #fetchSnapshot(): Promise<void> {
    const { redis, store } = this.#queue
    try {
      const { bytes, blob } = await redis.hgetallBuffer(this.#keys.snapshot)
      const found = bytes ?? (blob && (await fetchKept(store, blob.toString())))
      if (!found) throw gone('snapshot')
      const own = new Uint8Array(found)
      this.far.snapshotTaken(own, snapshotHeader(own).step)
    } catch {
      this.far.refused()
    }
  }

  // What its worker tells ---------------------------------------------------------------------------------------------------------------
  #look(): void {
    if (!this.#timer) return // it is not in the queue yet
    this.#again = true
    if (this.#looking) return
    this.#looking = true
    void this.#lookAll().finally(() => (this.#looking = false))
  }

  async #lookAll(): Promise<void> {
    while (this.#again && !this.#over) {
      this.#again = false
      try {
        const { job, events } = await this.#state() // before the events: none is missed of a run that has ended
        if (job !== 'missing' && events < this.#heard) this.#readAgain()
        await this.#hear()
        if (this.far.pulling) await this.#deliver()
        if (job === 'ended') await this.#end()
        else if (job === 'missing') await this.#missing()
      } catch (error) {
        if (DimooError.is(error, 'output/failed')) this.#finish({ error: error.toJSON() })
        // Otherwise Redis is away: looked for again in a second
      }
    }
  }

  async #state(): Promise<{ readonly job: 'ended' | 'missing' | 'going'; readonly events: number }> {
    const { redis } = this.#queue
    const [[finished, data], events] = await Promise.all([
      redis.hmget(this.#keys.job, 'finishedOn', 'name'),
      redis.hget(this.#keys.seen, 'n'),
    ])
    const job = finished ? 'ended' : data === null ? 'missing' : 'going'
    return { job, events: events === null && job === 'ended' ? Infinity : Number(events) } // they go a while after the end
  }

  // Redis has lost what was told last, or all of it, and others have told more since: those events have numbers that were heard before.
  #readAgain(): void {
    this.#heard = this.#read = 0
    this.#pending = [seam(0)]
  }

  // Redis has lost its memory, or somebody has cancelled a run that waited. It begins again from the same seed, with the same orders; its
  // events go on counting, so that none is taken for one that was heard.
  async #missing(): Promise<void> {
    const { redis } = this.#queue
    if ((await redis.exists(this.#keys.cancelled)) > 0) {
      this.#finish({ error: abortedData() })
      return
    }
    if (this.#pending.at(-1)?.kind !== 'seam') this.#pending.push(seam(this.#heard))
    await countFrom(redis, this.#keys, this.#heard)
    for (const { name, kind, message } of this.#given) await give(redis, this.#keys, name, kind, message)
    await this.#queue.add(this.data)
  }

  async #hear(): Promise<void> {
    for (const event of await this.#events(this.#heard)) {
      const next = !this.#behind
      this.#heard = event.id
      if (event.kind === 'answer') {
        this.#answered(event.message)
        if (next) this.#reach(event.id)
      } else {
        this.#begun(event)
        if (next && this.#pending.length < MOST_PENDING) this.#take(event)
      }
    }
    if (this.data.options.delivery !== 'all' && this.#behind) await this.#collapse()
  }

  /** There are more events than those that are pending. */
  get #behind(): boolean {
    return this.#read < this.#heard
  }

  #events(after: number, count = 4096): Promise<Event[]> {
    return eventsAfter(this.#queue.redis, this.#keys, after, count)
  }

  #begun({ kind, message }: Event): void {
    this.far.running()
    if (kind !== 'resumed' && kind !== 'anew') return
    const { id, task } = this.data
    emit('dimoo:run:resumed', { id, task, step: kind === 'anew' ? 0 : (decodeCbor(message) as { readonly step: number }).step })
  }

  #take(event: Event): void {
    this.#reach(event.id)
    if (event.kind !== 'running') this.#pending.push(event)
    else if (this.#lives++ > 0) this.#pending.push(seam(event.id)) // Redis had lost it, and somebody has put it there again
  }

  // What was trimmed away meanwhile is counted by the step that comes next.
  #reach(id: number): void {
    if (id > this.#read + 1) this.#pending.push(seam(id))
    if (this.#read === 0) this.#forgotten = id - 1
    this.#read = id
  }

  // Under delivery 'latest' a reader who is slow gets one step for many.
  async #collapse(): Promise<void> {
    while (this.#behind) {
      this.#pending = collapsed(this.#pending)
      await this.#refill()
    }
  }

  async #refill(): Promise<void> {
    const heard = this.#heard
    const found = await this.#events(this.#read, MOST_PENDING)
    for (const event of found) {
      // Somebody else may have taken it meanwhile, or nobody has heard of it yet.
      if (event.id <= this.#read || event.id > this.#heard) continue
      if (event.kind === 'answer') this.#reach(event.id)
      else this.#take(event)
    }
    // Trimmed away, all of them or the first: the oldest that is left may be one that nobody here has heard of.
    const oldest = found[0]?.id ?? Infinity
    this.#read = Math.max(this.#read, Math.min(heard, oldest - 1))
  }

  async #deliver(all = false): Promise<void> {
    for (;;) {
      if (this.data.options.delivery !== 'all' && this.#pending.length > 1) this.#pending = collapsed(this.#pending)
      const event = this.#pending.shift()
      if (event) {
        this.#show(event)
        if (event.kind === 'step' && !all && !this.far.pulling) return
      } else if (this.#behind) await this.#refill()
      else return
    }
  }

  #show({ id, kind, message }: Event): void {
    if (kind === 'step') {
      const told = messageOf(message)
      if (told.kind === 'step') this.far.deliver(this.#counted(told.step), { number: id, forgotten: this.#forgotten })
      this.#forgotten = 0
      return
    }
    this.far.resumed(kind === 'anew' ? 'anew' : 'exactly')
  }

  // Of a run that began with its first step the first one that is left says how many are not.
  #counted(step: FarStep): FarStep {
    const isFirst = !this.far.seen.has(step.kind === 'image' ? step.image : 0)
    return isFirst && this.data.snapshot === undefined ? { ...step, skipped: step.step } : step
  }

  #answered(message: Uint8Array): void {
    const { order, error } = decodeCbor(message) as { readonly order: string; readonly error?: ErrorData }
    const asked = this.#asked.get(order)
    this.#answers.set(order, message)
    if (this.#answers.size > MOST_ANSWERS) this.#answers.delete(this.#answers.keys().next().value!)
    this.#asked.delete(order)
    if (error) asked?.reject(errorFromData(error))
    else asked?.resolve()
  }

  async #end(): Promise<void> {
    const [value, reason, added, finished] = await this.#queue.redis.hmget(
      this.#keys.job,
      'returnvalue',
      'failedReason',
      'timestamp',
      'finishedOn',
    )
    if (value === null && reason === null) return // between two writes
    const end = await endFrom(this.#queue.store, {
      ...(value !== null && reason === null && { value: value! }),
      ...(reason !== null && { reason: reason! }),
    })
    if ('result' in end) {
      await this.#deliver(true)
      this.far.noMoreSteps()
      this.#finish({ result: timed(end.result, Number(finished) - Number(added)) })
    } else this.#finish(end)
  }

  #finish(end: FarEnd): void {
    if (this.#over) return
    this.#leave(this.far.state())
    this.far.end(end)
  }

  #leave(state: string): void {
    this.#over = true
    clearInterval(this.#timer)
    this.#unlisten?.()
    for (const { kind, reject } of this.#asked.values()) reject(gone(kind, state))
    this.#asked.clear()
    this.#queue.ended(this)
  }
}

// What it waited for a worker, and what earlier ones did for it, is time of this run.
function timed<Result extends { readonly timings: { readonly queuedMs: number; readonly totalMs: number } }>(
  result: Result,
  ms: number,
): Result {
  const { timings } = result
  const before = Math.max(0, ms - timings.totalMs)
  return { ...result, timings: { ...timings, queuedMs: timings.queuedMs + before, totalMs: timings.totalMs + before } }
}

const gone = (what: string, state = 'done'): DimooError => invalid(`${what}: expected a run that goes on, got one that is ${state}`)
const abortedData = (): ErrorData => ({ code: 'aborted', message: 'the run was aborted: its caller asked for it' }) as unknown as ErrorData
