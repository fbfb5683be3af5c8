// One worker thread for a tokenizer: started with the first request, answering one at a time, in order. A request that is aborted is gone at
// once; a thread that does not let go of it, or takes too long, is replaced, and what waits goes on with the next. Where no thread can start,
// callers are told so and do the work themselves.
import { Worker } from 'node:worker_threads'
import { DimooError } from '../base/errors.js'
import { onAbort } from '../base/signals.js'
import { corrupt } from './tokenizer-json.js'
import type { WorkerData, WorkerReply, WorkerRequest, WorkerTask } from './tokenizer-worker.js'

/** A thread that is to let go of a request has this long until it is ended: about what it costs to start another. */
const GRACE_MS = 500
/** A thread that could not start may start later: a system may have been short of something. */
const RETRY_MS = 10_000
const MB = 2 ** 20

export interface ThreadLimits {
  /** One request at most. */
  readonly ms: number
}

interface Job {
  readonly id: number
  readonly task: WorkerTask
  readonly resolve: (value: Int32Array | string) => void
  readonly reject: (error: unknown) => void
  /** Takes back what listens to its signal. */
  unlisten: () => void
  /** Nobody waits for it any more. */
  dropped: boolean
}

const closed = (): DimooError => new DimooError('disposed', 'the model was closed')

/** Thrown where no worker thread can start: a permission, an embedder. */
export class NoThread extends Error {}

export class TokenizerThread {
  readonly #data: WorkerData
  readonly #limits: ThreadLimits
  #waiting: Job[] = []
  #current: Job | undefined
  #worker: Worker | undefined
  #ready = false
  #timer: NodeJS.Timeout | undefined
  #impossible: { readonly error: NoThread; readonly until: number } | undefined
  #closed = false
  #count = 0

  constructor(json: string, limits: ThreadLimits = { ms: 10_000 }) {
    const bytes = new TextEncoder().encode(json)
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    this.#data = { json: shared, taken: new Int32Array(new SharedArrayBuffer(4)).fill(-1) }
    this.#limits = limits
  }

  /** Rejects with the signal's reason, `NoThread`, or what went wrong. */
  ask(task: WorkerTask, signal: AbortSignal | undefined): Promise<Int32Array | string> {
    if (this.#closed) return Promise.reject(closed())
    if (this.#impossible && performance.now() < this.#impossible.until) return Promise.reject(this.#impossible.error)
    return new Promise((resolve, reject) => {
      const job: Job = { id: this.#count++, task, resolve, reject, unlisten: () => undefined, dropped: false }
      this.#waiting.push(job)
      job.unlisten = onAbort(signal, () => this.#drop(job, signal!.reason))
      this.#next()
    })
  }

  /** Ends the thread; what it had not answered rejects. */
  async close(): Promise<void> {
    this.#closed = true
    for (const job of [...this.#waiting]) this.#settle(job, () => job.reject(closed()))
    if (this.#current) {
      const job = this.#current
      this.#settle(job, () => job.reject(closed()))
    }
    this.#waiting = []
    await this.#end()
  }

  #next(): void {
    if (this.#closed || this.#current || this.#waiting.length === 0) return
    const job = (this.#current = this.#waiting.shift()!)
    void this.#started().then(
      (worker) => {
        if (this.#current !== job) return
        worker.ref()
        worker.postMessage({ id: job.id, ...job.task } satisfies WorkerRequest)
        if (this.#ready) this.#limit(job)
      },
      (error: unknown) => {
        if (!this.#closed) this.#refuse(error)
      },
    )
  }

  async #started(): Promise<Worker> {
    const { default: source } = await import('./worker-source.js')
    if (this.#closed) throw closed() // meanwhile: nobody would end another thread
    return (this.#worker ??= this.#start(source))
  }

  // Neither the process's flags nor its environment reach the thread: how an application was started has no say in what it does here.
  #start(source: string): Worker {
    const megabytes = 512 + Math.ceil((32 * this.#data.json.length) / MB)
    const worker = new Worker(source, {
      eval: true,
      name: 'lumina-dimoo tokenizer',
      workerData: this.#data,
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: megabytes },
    })
    this.#ready = false
    worker.on('message', (reply: WorkerReply) => worker === this.#worker && this.#answer(reply))
    worker.on('error', (error) => worker === this.#worker && this.#fail(error))
    worker.on('exit', (code) => worker === this.#worker && this.#fail(new Error(`its thread ended with code ${code}`)))
    return worker
  }

  #answer({ id, value, error }: WorkerReply): void {
    const job = this.#current
    if (id < 0) {
      this.#ready = true
      if (job?.dropped) this.#graceFor()
      else if (job) this.#limit(job)
      return
    }
    if (job?.id !== id) return
    this.#free()
    if (error) this.#settle(job, () => job.reject(new DimooError(error.code, error.message)))
    else if (value !== undefined) this.#settle(job, () => job.resolve(value))
    this.#next()
  }

  // A thread that never was ready cannot be had here; one that was has died of this request.
  #fail(error: Error): void {
    const job = this.#current
    const wasReady = this.#ready
    void this.#end()
    if (!wasReady) {
      this.#refuse(error)
      return
    }
    const memory = (error as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY'
    this.#free()
    if (job) {
      const failure = memory ? corrupt('it needs too much memory for this text') : new DimooError('internal', `tokenizer: ${error.message}`)
      this.#settle(job, () => job.reject(failure))
    }
    this.#next()
  }

  #refuse(error: unknown): void {
    const failure = new NoThread(error instanceof Error ? error.message : String(error), { cause: error })
    this.#impossible = { error: failure, until: performance.now() + RETRY_MS }
    const jobs = [...(this.#current ? [this.#current] : []), ...this.#waiting]
    this.#free()
    this.#waiting = []
    for (const job of jobs) this.#settle(job, () => job.reject(failure))
  }

  #limit(job: Job): void {
    const { ms } = this.#limits
    this.#timer = setTimeout(() => {
      this.#settle(job, () => job.reject(corrupt(`its expressions took over ${ms / 1000} s for one text`)))
      this.#replace()
    }, ms)
  }

  #drop(job: Job, reason: unknown): void {
    this.#settle(job, () => job.reject(reason))
    if (job !== this.#current) {
      this.#waiting = this.#waiting.filter((one) => one !== job)
      return
    }
    job.dropped = true
    Atomics.store(this.#data.taken, 0, job.id)
    if (this.#ready) this.#graceFor()
  }

  #graceFor(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#replace(), GRACE_MS)
  }

  #replace(): void {
    void this.#end()
    this.#free()
    this.#next()
  }

  #free(): void {
    clearTimeout(this.#timer)
    this.#current = undefined
    if (this.#waiting.length === 0) this.#worker?.unref()
  }

  #settle(job: Job, how: () => void): void {
    job.unlisten()
    how()
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    clearTimeout(this.#timer)
    await worker?.terminate()
  }
}
