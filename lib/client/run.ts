// A run that a server decodes, in the shape of a local one: steps as an async iterable, the end as `result()`. It starts when created;
// leaving the loop early aborts it, unless `result()` was called.
import { DimooError, invalid } from '../base/errors.js'
import { iterate, toStream } from '../base/iterate.js'
import { onAbort } from '../base/signals.js'
import type { MaskInput, RawImage } from '../fields/values.js'
import type { ImageFormat } from '../image/encode.js'
import type { TaskName } from '../requests/names.js'
import type { PreviewOptions, RunOptions } from '../requests/types/index.js'
import { capturePicture } from '../requests/capture.js'
import type { ImageResult, TextResult } from '../run/results.js'
import type { TextStep } from '../run/steps.js'
import { textStream } from '../run/text-stream.js'
import type { Run, RunState, StepData, TextRun } from '../run/types.js'
import { Link } from './link.js'
import { plain } from './prepare.js'
import { resultFrom } from './results.js'
import { Patience, type Servers } from './servers.js'
import { merged, since, stepFrom, type AnyStep, type RemoteStep, type WireStep } from './steps.js'

export interface RemoteParts {
  readonly task: TaskName
  readonly id: string
  readonly options: RunOptions
  readonly servers: Servers
  /** Makes the body of `POST /v1/runs`; left out for a run that is there already. */
  readonly prepare?: (signal: AbortSignal) => Promise<object>
}

/** When an order is given again under its name to a server that lives: the answer may have been lost with its connection. */
const ORDER_MS = 45_000

type End = { readonly result: ImageResult | TextResult } | { readonly make: () => unknown; readonly aborted: boolean }

export class RemoteRun<Step extends AnyStep, Result> implements Run<Step, Result> {
  readonly id: string
  readonly task: TaskName
  protected readonly link: Link
  readonly #parts: RemoteParts
  readonly #work = new AbortController()
  readonly #seen = new Map<number, AnyStep>() // the last step of each picture
  readonly #ready: AnyStep[] = []
  readonly #deadline: ReturnType<typeof setTimeout> | undefined
  #unlisten: () => void = () => undefined
  #waiting: (() => void)[] = []
  #state: RunState = 'queued'
  #paused = false
  #end: End | undefined
  #iterated = false
  #reading = false
  #resultWanted = false
  #masking = 0 // remasks of steps that are not answered yet
  #late: unknown // what a step's remask was refused with

  constructor(parts: RemoteParts) {
    const { id, task, servers, options } = parts
    this.id = id
    this.task = task
    this.#parts = parts
    this.link = new Link({
      id,
      servers,
      body: parts.prepare?.(this.#work.signal),
      sink: {
        step: (step, missed) => this.#take(step, missed),
        state: (state) => this.#hear(state),
        done: (result) => this.#settle({ result: resultFrom(result, (index, format, quality) => this.#encode(index, format, quality)) }),
        failed: (error) => this.#settle({ make: () => again(error), aborted: isAbort(error) }),
      },
    })
    const { deadlineMs, signal } = options
    if (deadlineMs !== undefined) {
      const late = (): DimooError => new DimooError('run/deadline', `run: expected to end within ${deadlineMs} ms, still at it`)
      this.#deadline = setTimeout(() => this.#stop({ make: late, aborted: false }), deadlineMs)
    }
    this.#unlisten = onAbort(signal, () => this.abort(signal!.reason))
  }

  get state(): RunState {
    if (this.#end) return 'result' in this.#end ? 'done' : this.#end.aborted ? 'aborted' : 'failed'
    return this.#paused ? 'paused' : this.#state
  }

  /** Resolves when the run has ended, whatever the way. */
  async ended(): Promise<void> {
    while (!this.#end) await this.#changed()
  }

  async result(): Promise<Result> {
    this.#resultWanted = true
    await this.ended()
    const end = this.#end!
    if ('result' in end) return end.result as Result
    throw end.make()
  }

  abort(reason: unknown = new DOMException('This operation was aborted', 'AbortError')): void {
    this.#stop({ make: () => reason, aborted: true })
  }

  [Symbol.asyncIterator](): AsyncIterator<Step, void, undefined> {
    if (this.#iterated) throw invalid(`${this.id}: expected to be iterated once, got a second iterator`)
    this.#iterated = this.#reading = true
    if (this.#parts.options.delivery !== 'none') this.link.want()
    return iterate(
      () => this.#next(),
      (early) => {
        this.#reading = false // steps that nobody reads do not hold the run
        this.#ready.length = 0
        this.#wake()
        if (early && !this.#resultWanted) this.abort()
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
    await this.ended()
  }

  async pause(): Promise<void> {
    if (this.#end) return
    this.#paused = true
    await this.#tell('pause')
  }

  async continue(): Promise<void> {
    if (this.#end) return
    this.#paused = false
    await this.#tell('continue')
  }

  async snapshot(): Promise<Uint8Array> {
    if (this.#end) throw invalid(`${this.id}: snapshot needs a run that goes on, got one that is ${this.state}`)
    return this.link.ask((server, place) => server.bytes(`${place}/snapshot`, { method: 'POST' }))
  }

  /**
   * Another priority: larger goes first. A run that has begun goes on from where it is, to the same bits.
   *
   * @param priority -1000 to 1000.
   * @throws `request/invalid` for a run that has ended.
   */
  async reprioritise(priority: number): Promise<void> {
    await this.link.ask((server, place) => server.tell(place, { method: 'PATCH', body: { priority } }))
  }

  toWebStream(): ReadableStream<Step> {
    return toStream(this[Symbol.asyncIterator](), (reason) => {
      if (!this.#resultWanted) this.abort(reason)
    })
  }

  // Also meanwhile.
  #over(): boolean {
    return this.#end !== undefined
  }

  protected async mask(region: MaskInput, image: number): Promise<void> {
    const own = capturePicture(region)
    if (this.#end) throw invalid(`${this.id}: remask needs a run that goes on, got one that is ${this.state}`)
    const ready = await plain(own, 'region', this.#work.signal)
    this.link.changed()
    // Where no answer comes it is asked for again, of another server if need be; under one name it is one order.
    const headers = { 'idempotency-key': `mask-${globalThis.crypto.getRandomValues(new Uint32Array(4)).join('-')}` }
    const { servers } = this.#parts
    const { signal } = this.#work
    const ask = { method: 'POST', body: { region: ready, image }, headers } as const
    for (let patience: Patience | undefined; ;) {
      const late = AbortSignal.timeout(ORDER_MS)
      const own = AbortSignal.any([signal, late])
      try {
        await this.link.ask((server, place) => server.tell(`${place}/remask`, { ...ask, signal: own }))
        return
      } catch (error) {
        if (error === late.reason && !signal.aborted) continue
        if (this.#over() || servers.all.length === 1 || !DimooError.is(error, 'server/unavailable')) throw error
        patience ??= new Patience(servers.patienceMs) // which begins with the first time
        await patience.wait(signal, error, servers.all)
      }
    }
  }

  protected async draw({ grid, tokens, guess }: StepData, options: PreviewOptions): Promise<RawImage | Uint8Array> {
    const body = { step: { grid, tokens, guess }, ...options }
    const isRaw = (options.format ?? 'raw') === 'raw'
    return this.link.ask(async (server, place) => {
      const ask = { method: 'POST', body } as const
      return isRaw ? ((await server.cbor(`${place}/decode`, ask)) as RawImage) : server.bytes(`${place}/decode`, ask)
    })
  }

  #encode(index: number, format: ImageFormat, quality: number | undefined): Promise<Uint8Array> {
    const query = `format=${encodeURIComponent(format)}${quality === undefined ? '' : `&quality=${quality}`}`
    return this.link.ask((server, place) => server.bytes(`${place}/images/${index}?${query}`))
  }

  // Of a run that ends meanwhile nothing is wanted.
  async #tell(what: 'pause' | 'continue'): Promise<void> {
    try {
      await this.link.ask((server, place) => server.tell(`${place}/${what}`, { method: 'POST' }))
    } catch (error) {
      if (!this.#end && !DimooError.is(error, 'request/invalid')) throw error
    }
  }

  async #take(data: WireStep, missed: number): Promise<void> {
    const sent = stepFrom(data, {
      draw: (step, options) => this.draw(step, options),
      remask: (region, image) => {
        this.#masking++
        this.mask(region, image)
          .catch((error: unknown) => (this.#late = error))
          .finally(() => {
            this.#masking--
            this.#wake()
          })
      },
    })
    const image = sent.kind === 'image' ? sent.image : 0
    const seen = this.#seen.get(image)
    if (seen && sent.step <= seen.step) return // seen before the run was begun again
    this.#seen.set(image, sent)
    this.#state = 'running'
    if (!this.#reading) return
    const step = seen ? since(seen, sent) : withSkipped(sent, missed)
    const { delivery = 'latest', buffer = 1 } = this.#parts.options
    const at = delivery === 'latest' ? this.#ready.findIndex((one) => one.kind === 'text' || one.image === image) : -1
    if (at >= 0) this.#ready.push(merged(this.#ready.splice(at, 1)[0]!, step))
    else this.#ready.push(step)
    this.#wake()
    while (delivery === 'all' && this.#isAhead(buffer)) await this.#changed()
  }

  #isAhead(buffer: number): boolean {
    return this.#ready.length > buffer && this.#reading && !this.#end
  }

  #hear(state: RunState): void {
    if (state === 'queued' || state === 'running') this.#state = state
    this.#paused = state === 'paused'
  }

  async #next(): Promise<Step | undefined> {
    for (;;) {
      if (this.#late !== undefined) throw this.#late as Error
      // After an abort the next step is the reason, even if steps were ready.
      const failed = this.#end !== undefined && !('result' in this.#end)
      const step = failed ? undefined : this.#ready.shift()
      if (step) {
        this.#wake()
        return step as Step
      }
      if (this.#end && !('result' in this.#end)) throw this.#end.make()
      // What was asked of the last step is answered first: it may be refused.
      if (this.#end && this.#masking === 0) return undefined
      await this.#changed()
    }
  }

  #stop(end: End): void {
    if (this.#end) return
    this.link.stop('make' in end ? end.make() : undefined)
    this.#settle(end)
  }

  #settle(end: End): void {
    if (this.#end) return
    this.#end = end
    if ('make' in end) this.#work.abort(end.make()) // nobody answers any more what was asked of it
    clearTimeout(this.#deadline)
    this.#unlisten()
    this.#wake()
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

export class RemoteImageRun extends RemoteRun<RemoteStep, ImageResult> {
  async remask(region: MaskInput, options: { readonly image?: number } = {}): Promise<void> {
    await this.mask(region, options.image ?? 0)
  }

  decode(step: StepData, options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(step: StepData, options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(step: StepData, options?: PreviewOptions): Promise<RawImage | Uint8Array>
  async decode(step: StepData, options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    return this.draw(step, options)
  }
}

export class RemoteTextRun extends RemoteRun<TextStep, TextResult> implements TextRun {
  toTextStream(): ReadableStream<string> {
    return textStream(this)
  }
}

// Before the first step that came nobody knows of which pictures they were.
function withSkipped(step: AnyStep, missed: number): AnyStep {
  if (missed === 0) return step
  const skipped = step.skipped + missed
  return step.kind === 'text' ? { ...step, skipped } : step.with({ skipped })
}

const isAbort = (error: unknown): boolean => (error as { readonly name?: unknown } | null)?.name === 'AbortError'

// An error of its own for everybody who waits, where it is one of ours.
function again(error: unknown): unknown {
  if (!DimooError.is(error)) return error
  const copy = Object.create(Object.getPrototypeOf(error) as object, Object.getOwnPropertyDescriptors(error)) as Error
  copy.stack = new Error(error.message).stack!
  return copy
}
