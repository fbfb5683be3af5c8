// One run: steps as an async iterable, the end as `result()`; either alone is enough. It starts when created. The addon holds the
// run only weakly (through its wake callback): a run that is dropped while nobody waits is collected, and its native run, collected
// with it, stops. A run that somebody awaits is held by `awaited`, one that is being prepared or finished by that work.
import { randomUUID } from 'node:crypto'
import { breathe } from '../base/breathe.js'
import { DimooError, fromNative, invalid } from '../base/errors.js'
import { iterate, toStream } from '../base/iterate.js'
import { onAbort } from '../base/signals.js'
import type { NativeError, NativeOutcome, NativeStep } from '../native/binding.js'
import type { TaskName } from '../requests/names.js'
import type { RunOptions } from '../requests/types/index.js'
import { RunClock } from './clock.js'
import { emit } from './diagnostics.js'
import { endedEarly, type Decoder, type Prepared, type Remask, type RunParts } from './parts.js'
import { isOver } from './states.js'
import type { Run, RunState } from './types.js'

/** Why we ended the run ourselves; `make` gives every caller an error of its own where it is one of ours. */
interface Cause {
  readonly state: 'aborted' | 'failed'
  readonly make: () => unknown
}

// Runs somebody awaits; nothing else holds them.
const awaited = new Set<object>()
// A run that is collected makes room for another as one that has ended does.
const collected = new FinalizationRegistry<() => void>((leave) => leave())

export class DecodingRun<Step, Result> implements Run<Step, Result> {
  readonly id: string
  readonly task: TaskName
  readonly #delivery: RunOptions['delivery']
  readonly #created = performance.now()
  readonly #work = new AbortController() // of preparing and finishing
  readonly #clock: RunClock
  #prefillMs = 0
  #prepared: Prepared<Step, Result> | undefined
  #native: Decoder | undefined
  #outcome: NativeOutcome | undefined // of the native run; the result may still be in the making
  #result: { readonly value: Result } | undefined
  #final: 'done' | 'failed' | 'aborted' | undefined
  #cause: Cause | undefined
  #waiting: (() => void)[] = []
  #iterated = false
  #reading = false // an iterator takes the steps
  #resultWanted = false
  #drained = false // no step is left
  #started = false // the event was sent
  #paused = false
  #unlisten: () => void = () => undefined
  #leave: () => void = () => undefined

  constructor(parts: RunParts<Step, Result>) {
    const { id = `run-${randomUUID()}`, deadlineMs, signal, tag, delivery } = parts.options
    this.#delivery = delivery
    this.id = id
    this.task = parts.task
    emit('dimoo:run:queued', { id, task: parts.task, ...(tag !== undefined && { tag }) })
    this.#clock = new RunClock(this, { deadlineMs, maxQueueMs: parts.maxQueueMs })
    // A long-lived signal must not hold its runs either.
    if (signal) this.#unlisten = onAbort(signal, DecodingRun.#aborter(new WeakRef(this), signal))
    if (!this.#final) this.#prepare(parts)
  }

  get state(): RunState {
    const ended = this.#ended()
    if (this.#final) return this.#final
    if (this.#paused && !ended) return 'paused'
    const state = this.#native?.state() ?? 'queued'
    return state === 'queued' && !ended ? state : 'running'
  }

  async result(): Promise<Result> {
    this.#resultWanted = true
    await Promise.resolve() // a loop that starts in the same turn takes the steps
    await this.ended()
    if (this.#final !== 'done') throw this.#failure()
    return this.#result!.value
  }

  abort(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    this.#stop({ state: 'aborted', make: () => reason })
  }

  /** @internal A time limit has passed. */
  expire(failure: () => DimooError): void {
    this.#stop({ state: 'failed', make: failure })
  }

  [Symbol.asyncIterator](): AsyncIterator<Step, void, undefined> {
    if (this.#iterated) throw invalid(`${this.id}: expected to be iterated once, got a second iterator`)
    this.#iterated = this.#reading = true
    const left = (early: boolean): void => {
      this.#reading = false
      this.#drained = true
      this.#release()
      if (!early) return
      if (this.#resultWanted)
        this.#wake() // result() takes over, so that steps nobody reads do not pause the run
      else this.abort()
    }
    return iterate(() => this.#nextStep(), left)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
    await this.ended()
  }

  async pause(): Promise<void> {
    if (this.#ended() ?? this.#cause) return
    this.#paused = true
    this.#native?.pause()
  }

  async continue(): Promise<void> {
    if (this.#ended() ?? this.#cause) return
    this.#paused = false
    this.#native?.continue()
  }

  async snapshot(): Promise<Uint8Array> {
    for (;;) {
      if (this.#ended() ?? this.#cause) throw invalid(`${this.id}: snapshot needs a run that goes on, got one that is ${this.state}`)
      try {
        const found = this.#native?.snapshot()
        if (found) return await this.#prepared!.toSnapshot(found)
      } catch (error) {
        throw fromNative(error)
      }
      await this.#changed()
    }
  }

  toWebStream(): ReadableStream<Step> {
    return toStream(this[Symbol.asyncIterator](), (reason) => {
      if (!this.#resultWanted) this.abort(reason)
    })
  }

  /** The native run's parts, once it has started. Throws `request/invalid` for a run that has ended before. */
  protected async prepared(what: string): Promise<Prepared<Step, Result>> {
    while (!this.#native) {
      if (this.#ended() ?? this.#cause) throw invalid(`${this.id}: ${what} needs a run that goes on, got one that is ${this.state}`)
      await this.#changed()
    }
    return this.#prepared!
  }

  /** Masks cells again from the next step boundary on. */
  protected remaskCells(image: number, cells: Uint32Array): void {
    DecodingRun.#remasker(new WeakRef(this))(image, cells)
  }

  // Callbacks that do not keep their run. Functions of their own: closures of one scope share what they capture, `this` included.
  static #waker(target: WeakRef<DecodingRun<unknown, unknown>>): () => void {
    return () => {
      const run = target.deref()
      if (!run) return
      // Room is made even where nobody asks how it ended.
      if (isOver(run.#native?.state() ?? 'queued')) run.#leave()
      run.#wake()
    }
  }

  static #aborter(target: WeakRef<DecodingRun<unknown, unknown>>, signal: AbortSignal): () => void {
    return () => target.deref()?.abort(signal.reason)
  }

  static #remasker(target: WeakRef<DecodingRun<unknown, unknown>>): Remask {
    return (image, cells) => {
      const run = target.deref()
      const native = run && run.#native
      if (!native) throw invalid(`remask: expected a run that goes on, got one that ${run ? `is ${run.state}` : 'nobody holds any more'}`)
      try {
        native.remask(image, cells)
      } catch (error) {
        throw fromNative(error)
      }
    }
  }

  #prepare({ admit, prepare }: RunParts<Step, Result>): void {
    try {
      const leave = admit?.()
      if (leave) {
        this.#leave = leave
        collected.register(this, leave)
      }
      const found = prepare(this.#work.signal)
      if (!(found instanceof Promise)) this.#start(found)
      else
        found.then(
          (prepared) => this.#start(prepared),
          (error: unknown) => this.#refuse(error),
        )
    } catch (error) {
      this.#refuse(error)
    }
  }

  #start(prepared: Prepared<Step, Result>): void {
    if (this.#outcome) return // aborted meanwhile
    this.#prepared = prepared
    this.#prefillMs = performance.now() - this.#created
    try {
      this.#native = prepared.start(DecodingRun.#waker(new WeakRef(this)))
      if (this.#paused) this.#native.pause()
      this.#wake()
    } catch (error) {
      this.#refuse(error)
    }
  }

  // The run could not start, e.g. because the queue is full.
  #refuse(error: unknown): void {
    if (!this.#outcome) this.#settle({ ...endedEarly('failed'), error: error as NativeError })
  }

  #stop(cause: Cause): void {
    this.#ended()
    if (this.#final ?? this.#cause) return
    this.#cause = cause
    this.#work.abort(cause.make())
    if (!this.#native)
      this.#settle(endedEarly('aborted')) // still being prepared
    else if (!this.#outcome) this.#native.cancel()
    this.#wake()
  }

  async #nextStep(): Promise<Step | undefined> {
    for (;;) {
      // After an abort the next step is the reason, even if steps were ready.
      if (!this.#cause) {
        await breathe()
        const native = this.#native?.next()
        if (native) return this.#deliver(native)
        if (native === null || this.#outcome) {
          this.#drained = true
          break
        }
      } else if (this.#ended()) {
        break
      }
      await this.#changed()
    }
    await this.ended()
    this.#release()
    if (this.#final === 'done') return undefined
    throw this.#failure()
  }

  #deliver(native: NativeStep): Step | Promise<Step> {
    this.#sendStart(performance.now() - this.#created - native.elapsedMs)
    const { step, elapsedMs: ms, rows, pass } = native
    emit('dimoo:step', { id: this.id, step, ms, rows, pass })
    return this.#prepared!.toStep(native, DecodingRun.#remasker(new WeakRef(this)))
  }

  /** Resolves when the run has ended, whatever the way. */
  async ended(): Promise<void> {
    for (;;) {
      this.#ended()
      if (this.#final) return
      // Under delivery 'all' steps that nobody reads would pause the run.
      const pausing = this.#delivery === 'all' && this.#resultWanted && !this.#reading
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
    this.#sendStart(this.#prefillMs + outcome.queuedMs)
    if (outcome.state === 'failed') this.#conclude('failed')
    else if (this.#cause) this.#conclude(this.#cause.state)
    else if (outcome.state === 'aborted') this.#conclude('aborted')
    else this.#finish(outcome)
  }

  // From the addon's outcome to the result: at once, or with more work (composing, judging) that an abort still stops.
  #finish(outcome: NativeOutcome): void {
    const failed = (error: unknown): void => {
      this.#cause ??= { state: 'failed', make: () => fromNative(error) }
      this.#conclude(this.#cause.state)
    }
    const done = (value: Result): void => {
      this.#result = { value }
      this.#conclude('done')
    }
    try {
      const { toResult, warnings } = this.#prepared!
      const made = toResult({ outcome, prefillMs: this.#prefillMs, warnings, signal: this.#work.signal })
      if (made instanceof Promise) made.then(done, failed)
      else done(made)
    } catch (error) {
      failed(error)
    }
  }

  #conclude(state: 'done' | 'failed' | 'aborted'): void {
    this.#final = state
    this.#clock.stop()
    this.#unlisten()
    this.#leave()
    const error = state === 'failed' ? this.#failure() : undefined
    emit('dimoo:run:end', {
      id: this.id,
      task: this.task,
      outcome: state,
      queuedMs: this.#outcome!.queuedMs,
      ms: performance.now() - this.#created,
      ...(DimooError.is(error) && { code: error.code }),
    })
    this.#release()
    this.#wake()
  }

  // Whoever keeps an ended run keeps its result, not its request: that may hold pictures. Steps that are left need both, to be read.
  #release(): void {
    if (!this.#final || !(this.#drained || this.#cause || this.#delivery === 'none')) return
    this.#prepared = this.#native = undefined
    this.#outcome = { ...this.#outcome!, images: [] }
  }

  #sendStart(queuedMs: number): void {
    if (this.#started) return
    this.#started = true
    emit('dimoo:run:start', { id: this.id, task: this.task, queuedMs: Math.max(0, queuedMs) })
  }

  // Made anew for every caller, so that each error shows who waited.
  #failure(): unknown {
    if (this.#outcome!.state === 'failed') return fromNative(this.#outcome!.error)
    return this.#cause ? this.#cause.make() : new DOMException('The run was aborted', 'AbortError')
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
