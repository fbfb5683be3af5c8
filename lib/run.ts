// One run: steps as an async iterable, the end as `result()`; either alone is enough. It starts when created. The addon holds the
// run only weakly (through its wake callback): a run that is dropped while nobody waits is collected, and its native run, collected
// with it, stops. A run that somebody awaits is held by `awaited`.
import type { NativeError, NativeOutcome, NativeRun, NativeStep } from './binding.js'
import { emit, type Task } from './diagnostics.js'
import { DimooError, fromNative, invalid } from './errors.js'
import { iterate } from './iterate.js'
import * as validate from './validate.js'

export type RunState = 'queued' | 'running' | 'done' | 'failed' | 'aborted'

export interface RunOptions {
  /** Aborting it frees the run's slot within one unit of work; the run then rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /**
   * For readers slower than the model: 'latest' (default) merges the steps that were missed, 'all' queues up to `buffer` and then
   * pauses this run only, 'none' delivers no step.
   */
  readonly delivery?: 'latest' | 'all' | 'none'
  /** Steps that wait for the reader under delivery 'all', 1 to 4096. Default 1. */
  readonly buffer?: number
  /** A name for logs and metrics (a tenant, never a prompt). */
  readonly tag?: string
}

export const RUN_FIELDS = {
  signal: validate.signal(),
  delivery: validate.oneOf(['latest', 'all', 'none']),
  buffer: validate.integer(1, 4096),
  tag: validate.string(),
} satisfies validate.Fields

/**
 * Iterate it for decoding steps (once), call `result()` for the end. Leaving the loop early (break, throw, return) aborts the run,
 * unless `result()` was called before. An aborted run rejects with the reason of the abort.
 */
export interface Run<Step, Result> extends AsyncIterable<Step, void, undefined>, AsyncDisposable {
  readonly id: string
  readonly state: RunState
  /** Resolves when the run is done. May be called any number of times. */
  result(): Promise<Result>
  /** Does nothing to a run that has ended. */
  abort(reason?: unknown): void
  toWebStream(): ReadableStream<Step>
}

export type Starter = (wake: () => void) => NativeRun

/** What a run is made of: how to start it, and how native values become public ones. */
export interface RunPlan<Step, Result> {
  readonly task: Task
  readonly options: RunOptions
  /** Starts the native run; a promise while the prompt is being tokenised. */
  readonly starter: Starter | Promise<Starter>
  readonly toStep: (step: NativeStep) => Step
  readonly toResult: (outcome: NativeOutcome) => Result
}

// Runs somebody awaits; nothing else holds them.
const awaited = new Set<object>()
let count = 0

export class DecodingRun<Step, Result> implements Run<Step, Result> {
  readonly id = `run-${process.pid}-${++count}`
  readonly #plan: RunPlan<Step, Result>
  readonly #created = performance.now()
  #native: NativeRun | undefined
  #outcome: NativeOutcome | undefined
  #result: Result | undefined
  #reason: { readonly value: unknown } | undefined // of an abort
  #waiting: (() => void)[] = []
  #iterated = false
  #reading = false // an iterator takes the steps
  #resultWanted = false
  #started = false // the event was sent
  #unlisten: (() => void) | undefined

  constructor(plan: RunPlan<Step, Result>) {
    this.#plan = plan
    emit('dimoo:run:queued', {
      id: this.id,
      task: plan.task,
      ...(plan.options.tag !== undefined && { tag: plan.options.tag }),
    })
    this.#listen(plan.options.signal)
    if (this.#reason) this.#settle(ended('aborted'))
    if (plan.starter instanceof Promise)
      plan.starter.then(
        (start) => this.#start(start),
        (error: unknown) => this.#refuse(error),
      )
    else this.#start(plan.starter)
  }

  get state(): RunState {
    return this.#outcome?.state ?? this.#native?.state() ?? 'queued'
  }

  async result(): Promise<Result> {
    this.#resultWanted = true
    await Promise.resolve() // a loop that starts in the same turn takes the steps
    const outcome = await this.#end()
    if (outcome.state !== 'done') throw this.#failure(outcome)
    return (this.#result ??= this.#plan.toResult(outcome))
  }

  abort(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    if (this.#reason ?? this.#ended()) return
    this.#reason = { value: reason }
    if (this.#native) this.#native.cancel()
    else this.#settle(ended('aborted')) // the prompt is still being tokenised
    this.#wake()
  }

  [Symbol.asyncIterator](): AsyncIterator<Step, void, undefined> {
    if (this.#iterated) throw invalid(`${this.id}: expected to be iterated once, got a second iterator`)
    this.#iterated = this.#reading = true
    const left = (early: boolean): void => {
      this.#reading = false
      if (!early) return
      if (this.#resultWanted)
        this.#wake() // result() takes over, so that steps nobody reads do not pause the run
      else this.abort()
    }
    return iterate(() => this.#nextStep(), left)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
    await this.#end()
  }

  toWebStream(): ReadableStream<Step> {
    const iterator = this[Symbol.asyncIterator]()
    return new ReadableStream<Step>({
      pull: async (controller) => {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: async (reason: unknown) => {
        if (!this.#resultWanted) this.abort(reason)
        await iterator.return?.()
      },
    })
  }

  /** Resolves when the native run has ended, whatever the way. */
  async ended(): Promise<void> {
    await this.#end()
  }

  // Callbacks that do not keep their run. Functions of their own: closures of one scope share what they capture, `this` included.
  static #waker(target: WeakRef<DecodingRun<unknown, unknown>>): () => void {
    return () => {
      const run = target.deref()
      if (run) run.#wake()
    }
  }

  static #aborter(target: WeakRef<DecodingRun<unknown, unknown>>, signal: AbortSignal): () => void {
    return () => target.deref()?.abort(signal.reason)
  }

  #listen(signal: AbortSignal | undefined): void {
    if (!signal) return
    if (signal.aborted) {
      this.#reason = { value: signal.reason }
      return
    }
    // A long-lived signal must not hold its runs either.
    const onAbort = DecodingRun.#aborter(new WeakRef(this), signal)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#unlisten = () => signal.removeEventListener('abort', onAbort)
  }

  #start(start: Starter): void {
    if (this.#outcome) return // aborted meanwhile
    try {
      this.#native = start(DecodingRun.#waker(new WeakRef(this)))
      this.#wake()
    } catch (error) {
      this.#refuse(error)
    }
  }

  // The run could not start, e.g. because the queue is full.
  #refuse(error: unknown): void {
    if (this.#outcome) return
    this.#settle({ ...ended('failed'), error: error as NativeError })
    this.#wake()
  }

  async #nextStep(): Promise<Step | undefined> {
    for (;;) {
      // After an abort the next step is the reason, even if steps were ready.
      if (!this.#reason) {
        await breathe()
        const native = this.#native?.next()
        if (native) return this.#deliver(native)
        if (native === null || this.#outcome) break
      } else if (this.#ended()) {
        break
      }
      await this.#changed()
    }
    const outcome = await this.#end()
    if (outcome.state === 'done') return undefined
    throw this.#failure(outcome)
  }

  #deliver(native: NativeStep): Step {
    this.#sendStart()
    const { step, elapsedMs: ms, rows, pass } = native
    emit('dimoo:step', { id: this.id, step, ms, rows, pass })
    return this.#plan.toStep(native)
  }

  async #end(): Promise<NativeOutcome> {
    for (;;) {
      const outcome = this.#ended()
      if (outcome) return outcome
      // Under delivery 'all' steps that nobody reads would pause the run.
      const pausing = this.#plan.options.delivery === 'all' && this.#resultWanted && !this.#reading
      if (pausing && this.#native?.next()) continue
      await this.#changed()
    }
  }

  #ended(): NativeOutcome | undefined {
    if (this.#outcome) return this.#outcome
    const outcome = this.#native?.outcome()
    if (outcome) this.#settle(outcome)
    return outcome
  }

  #settle(outcome: NativeOutcome): void {
    this.#outcome = outcome
    this.#unlisten?.()
    this.#sendStart()
    const error = outcome.state === 'failed' ? this.#failure(outcome) : undefined
    emit('dimoo:run:end', {
      id: this.id,
      task: this.#plan.task,
      outcome: outcome.state,
      queuedMs: outcome.queuedMs,
      ms: performance.now() - this.#created,
      ...(DimooError.is(error) && { code: error.code }),
    })
  }

  #sendStart(): void {
    if (this.#started) return
    this.#started = true
    emit('dimoo:run:start', { id: this.id, task: this.#plan.task })
  }

  // Made anew for every caller, so that each error shows who waited.
  #failure(outcome: NativeOutcome): unknown {
    if (outcome.state === 'aborted') return this.#reason ? this.#reason.value : new DOMException('The run was aborted', 'AbortError')
    return fromNative(outcome.error)
  }

  #changed(): Promise<void> {
    awaited.add(this)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    awaited.delete(this)
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

// The outcome of a run that never reached the addon.
function ended(state: NativeOutcome['state']): NativeOutcome {
  const none = { queuedMs: 0, decodeMs: 0, vqMs: 0, totalMs: 0, steps: 0, forwardPasses: 0, forwardTokens: 0 }
  return { state, images: [], ...none }
}

const LONGEST_TURN_MS = 4
let turnStarted = 0

/** Steps that are ready follow each other without a pause; here the event loop gets its turn, whichever run they belong to. */
async function breathe(): Promise<void> {
  if (turnStarted === 0) {
    turnStarted = performance.now()
    setImmediate(() => (turnStarted = 0)).unref()
  } else if (performance.now() - turnStarted > LONGEST_TURN_MS) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
