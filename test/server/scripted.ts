// A runner whose runs do what a test tells them: steps, ends, and a record of what was asked of them.
import { toStream } from '../../lib/base/iterate.js'
import { RunnerBase, type CloseOptions, type RunOf, type SchedulerStats } from '../../lib/runner/runner.js'
import type { ModelInfo } from '../../lib/native/info.js'
import type { TaskName } from '../../lib/requests/names.js'
import type { ResumeOptions, RunOptions, TaskRequests } from '../../lib/requests/types/index.js'
import type { ImageResult } from '../../lib/run/results.js'
import type { ImageStep } from '../../lib/run/steps.js'
import type { AnyRun, RunState } from '../../lib/run/types.js'

export const INFO = {
  name: 'scripted',
  scale: 8,
  defaults: { image: { width: 64, height: 64, steps: 8 } },
  compat: 'none',
  hyper: { contextLength: 1024 },
  device: { id: 'cpu' },
} as unknown as ModelInfo

const toPlain = (value: object): object => Object.fromEntries(Object.entries(value))

class Encoded {
  async encode(): Promise<Uint8Array> {
    return new Uint8Array(3)
  }
}

export class ScriptedRun {
  readonly id: string
  readonly task: TaskName
  readonly asked: string[] = []
  readonly options: RunOptions
  readonly request: unknown
  state: RunState = 'queued'
  /** How many steps it says that it takes. */
  length = 8
  /** What a snapshot of it would hold. */
  readonly mark: string
  #steps: ImageStep[] = []
  #end: { value?: ImageResult; error?: unknown } | undefined
  #wake: (() => void)[] = []
  #made = 0

  constructor(task: TaskName, request: unknown, options: RunOptions, mark: string) {
    this.id = options.id ?? 'run-1'
    this.task = task
    this.request = request
    this.options = options
    this.mark = mark
  }

  /** One more step, or several. */
  step(count = 1): void {
    this.state = 'running'
    for (let i = 0; i < count; i++) {
      const step = this.#made++
      this.#steps.push({
        kind: 'image',
        image: 0,
        step,
        steps: this.length,
        skipped: 0,
        masked: 8 - step,
        elapsedMs: step,
        pass: 'full',
        rows: 1,
        grid: { width: 2, height: 1 },
        tokens: Int32Array.of(step, -1),
        guess: Int32Array.of(step, 3),
        changed: Uint32Array.of(0),
        confidence: Float32Array.of(0.1),
      } as unknown as ImageStep)
    }
    this.#call()
  }

  /** Steps that a reader has taken. */
  skipTo(step: number): void {
    this.#made = step
  }

  finish(warnings: readonly string[] = [], pictures = 1): void {
    this.state = 'done'
    const image = { data: new Uint8Array(6).fill(7), width: 2, height: 1, channels: 3 as const }
    const one = Object.assign(new Encoded(), { seed: '1', image, tokens: Int32Array.of(1, 2), parameters: { version: 1 } })
    this.#end = {
      value: {
        ...toPlain(one),
        images: Array.from({ length: pictures }, () => one),
        timings: {},
        usage: { inputTokens: 5, outputTokens: 2, steps: 8, forwardPasses: 8, forwardTokens: 80 },
        warnings,
        remasked: [],
      } as unknown as ImageResult,
    }
    this.#call()
  }

  fail(error: unknown): void {
    this.state = 'failed'
    this.#end = { error }
    this.#call()
  }

  async result(): Promise<ImageResult> {
    while (!this.#end) await new Promise<void>((resolve) => this.#wake.push(resolve))
    if (this.#end.value) return this.#end.value
    throw this.#end.error as Error
  }

  abort(reason: unknown = new DOMException('aborted', 'AbortError')): void {
    if (this.#end) return
    this.asked.push('abort')
    this.state = 'aborted'
    this.#end = { error: reason }
    this.#call()
  }

  async pause(): Promise<void> {
    this.asked.push('pause')
    this.state = 'paused'
  }

  async continue(): Promise<void> {
    this.asked.push('continue')
    this.state = 'running'
  }

  async snapshot(): Promise<Uint8Array> {
    this.asked.push('snapshot')
    return new TextEncoder().encode(this.mark)
  }

  async remask(region: unknown, options: unknown): Promise<void> {
    this.asked.push(`remask ${JSON.stringify(region)} ${JSON.stringify(options)}`)
  }

  async decode(): Promise<unknown> {
    return { data: new Uint8Array(12), width: 2, height: 2, channels: 3 }
  }

  toWebStream(): ReadableStream<ImageStep> {
    return toStream(this[Symbol.asyncIterator](), () => undefined)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ImageStep, void, undefined> {
    for (;;) {
      const step = this.#steps.shift()
      if (step) yield step
      else if (this.#end) {
        if (!this.#end.value) throw this.#end.error as Error
        return
      } else await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
  }

  #call(): void {
    for (const resolve of this.#wake.splice(0)) resolve()
  }
}

export class ScriptedRunner extends RunnerBase {
  readonly runs: ScriptedRun[] = []
  readonly resumed: { readonly snapshot: string; readonly options: ResumeOptions }[] = []
  refuse: unknown
  estimatedWaitMs = 1234

  override run<Task extends TaskName, const Options extends RunOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options> {
    if (this.refuse) throw this.refuse as Error
    const run = new ScriptedRun(task, request, options ?? {}, `snapshot-${this.runs.length}`)
    this.runs.push(run)
    return run as unknown as RunOf<Task, Options>
  }

  override resume(snapshot: Uint8Array, options: ResumeOptions = {}): AnyRun {
    this.resumed.push({ snapshot: new TextDecoder().decode(snapshot), options })
    return this.run('generate', { prompt: '' }, options)
  }

  override async info(): Promise<ModelInfo> {
    return INFO
  }

  override async stats(): Promise<SchedulerStats> {
    return { estimatedWaitMs: this.estimatedWaitMs } as SchedulerStats
  }

  override async close(_options?: CloseOptions): Promise<void> {}

  get last(): ScriptedRun {
    return this.runs.at(-1)!
  }
}
