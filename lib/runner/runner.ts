// What runs tasks, wherever they are decoded: a local model, a pool, a server elsewhere, a queue. Code that takes a `Runner` works with all.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { ModelInfo } from '../native/info.js'
import type { ImageTask, TaskName, TextTask } from '../requests/names.js'
import type * as requests from '../requests/types/index.js'
import type { MaskInput, RawImage } from '../fields/values.js'
import type { PreviewOptions, ResumeOptions, RunOptions, TaskRequests } from '../requests/types/index.js'
import type { AnyRun, ImageRun, PreviewOf, StepData, TextRun } from '../run/types.js'

/** The run of a task. */
export type RunOf<Task extends TaskName, Options extends RunOptions = RunOptions> = Task extends TextTask
  ? TextRun
  : Task extends ImageTask
    ? ImageRun<PreviewOf<Options>>
    : AnyRun

/** How a runner ends. */
export interface CloseOptions {
  /** How long running ones may go on before they are aborted, in milliseconds. Default 0. */
  readonly timeoutMs?: number
  /** What aborted runs reject with. Default: a `disposed` error. */
  readonly reason?: unknown
}

/** What a scheduler has done and is doing. */
export interface SchedulerStats {
  readonly running: number
  readonly queued: number
  /** Held by their owners. */
  readonly paused: number
  readonly completed: number
  readonly aborted: number
  readonly failed: number
  readonly forwardPasses: number
  /** Milliseconds that those passes spent in the network. */
  readonly forwardMs: number
  /** Rows that a pass holds at most: what is decoded at a time; of several devices their sum. */
  readonly rowsPerPass: number
  readonly meanRowsPerPass: number
  /** Share of the rows that a cache or prefix reuse spared, 0 to 1. */
  readonly reusedRowRatio: number
  readonly stepsPerSecond: number
  readonly deviceBytesUsed: number
  readonly deviceBytesFree: number
  /** How long a run that was queued now would wait, in milliseconds. */
  readonly estimatedWaitMs: number
}

/**
 * Requests, steps and results are plain data: `structuredClone` and `JSON.stringify` take them. A run starts when it is created; what is
 * wrong with a request is thrown at once where it can be seen at once, and rejects the run otherwise.
 */
export interface Runner extends AsyncDisposable {
  /** Draws pictures from a text. See `GenerateRequest`. */
  generate<const Options extends RunOptions>(request: requests.GenerateRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Changes a picture as an instruction says. See `EditRequest`. */
  edit<const Options extends RunOptions>(request: requests.EditRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Draws the masked part of a picture anew. See `InpaintRequest`. */
  inpaint<const Options extends RunOptions>(request: requests.InpaintRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Draws what lies around a picture. See `OutpaintRequest`. */
  outpaint<const Options extends RunOptions>(request: requests.OutpaintRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Decodes a region of a result or a picture again; no token outside it changes. See `RetouchRequest`. */
  retouch<const Options extends RunOptions>(request: requests.RetouchRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Draws pictures from a text and a map: edges, depth or a pose. See `ControlRequest`. */
  control<const Options extends RunOptions>(request: requests.ControlRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Reads a map from a picture. See `PredictRequest`. */
  predict<const Options extends RunOptions>(request: requests.PredictRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Draws the subject of a picture in another scene. See `SubjectRequest`. */
  subject<const Options extends RunOptions>(request: requests.SubjectRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Draws a picture in the style of another, at the size of the other. See `StyleRequest`. */
  style<const Options extends RunOptions>(request: requests.StyleRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Draws another view of what a front view shows. See `ViewRequest`. */
  view<const Options extends RunOptions>(request: requests.ViewRequest, options?: Options): ImageRun<PreviewOf<Options>>
  /** Answers a question about pictures. See `AskRequest`. */
  ask(request: requests.AskRequest, options?: RunOptions): TextRun
  /** Continues a conversation. See `ChatRequest`. */
  chat(request: requests.ChatRequest, options?: RunOptions): TextRun
  /** Any task by name. */
  run<Task extends TaskName, const Options extends RunOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options>
  /**
   * Goes on from a snapshot, to a bit-identical end; with `exact: false` also under another kind of device, CPU variant or precision, which
   * the result then says. Priority, delivery and the like are taken from `options` anew.
   *
   * @throws `request/invalid` for a snapshot of another model (both are named), of another version, or a damaged one.
   */
  resume(snapshot: Uint8Array, options?: ResumeOptions): AnyRun
  /** What the model says of itself, its defaults included. */
  info(): Promise<ModelInfo>
  /** What its scheduler has done and is doing. */
  stats(): Promise<SchedulerStats>
  /** Refuses new runs, waits for running ones at most `timeoutMs`, aborts the rest, frees what it holds. Idempotent. */
  close(options?: CloseOptions): Promise<void>
}

/** A runner that also draws a step whose run has ended, or was never its own. */
export interface StepDrawer {
  /** The same as `run.decode(step)`: quality 'full' unless said. */
  decodeStep(step: StepData, options?: PreviewOptions): Promise<RawImage | Uint8Array>
}

/** A runner whose runs outlive whoever asked for them. */
export interface RunKeeper {
  /** The run of a name, of this tenant; undefined: there is none. Steps from the first that is still there. */
  attach(id: string, options?: { readonly tag?: string }): Promise<AnyRun | undefined>
  /** Whether the run of this name was asked for by this very request. */
  isOf<Task extends TaskName>(
    run: { readonly id: string; readonly tag?: string | undefined },
    task: Task,
    request: TaskRequests[Task],
  ): Promise<boolean>
}

/** Its runs of pictures: an order under a name that was given before, wherever that was, is not given again. */
export interface KeptRun {
  remask(region: MaskInput, options: { readonly image?: number; readonly order?: string }): Promise<void>
}

export function isRunKeeper(runner: object): runner is Runner & RunKeeper {
  return 'attach' in runner && typeof runner.attach === 'function'
}

/** The twelve methods, from `run`. */
export abstract class RunnerBase implements Runner {
  abstract run<Task extends TaskName, const Options extends RunOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options>
  abstract resume(snapshot: Uint8Array, options?: ResumeOptions): AnyRun
  abstract info(): Promise<ModelInfo>
  abstract stats(): Promise<SchedulerStats>
  abstract close(options?: CloseOptions): Promise<void>

  generate<const Options extends RunOptions>(request: requests.GenerateRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'generate', Options>('generate', request, options)
  }

  edit<const Options extends RunOptions>(request: requests.EditRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'edit', Options>('edit', request, options)
  }

  inpaint<const Options extends RunOptions>(request: requests.InpaintRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'inpaint', Options>('inpaint', request, options)
  }

  outpaint<const Options extends RunOptions>(request: requests.OutpaintRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'outpaint', Options>('outpaint', request, options)
  }

  retouch<const Options extends RunOptions>(request: requests.RetouchRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'retouch', Options>('retouch', request, options)
  }

  control<const Options extends RunOptions>(request: requests.ControlRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'control', Options>('control', request, options)
  }

  predict<const Options extends RunOptions>(request: requests.PredictRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'predict', Options>('predict', request, options)
  }

  subject<const Options extends RunOptions>(request: requests.SubjectRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'subject', Options>('subject', request, options)
  }

  style<const Options extends RunOptions>(request: requests.StyleRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'style', Options>('style', request, options)
  }

  view<const Options extends RunOptions>(request: requests.ViewRequest, options?: Options): ImageRun<PreviewOf<Options>> {
    return this.run<'view', Options>('view', request, options)
  }

  ask(request: requests.AskRequest, options?: RunOptions): TextRun {
    return this.run('ask', request, options)
  }

  chat(request: requests.ChatRequest, options?: RunOptions): TextRun {
    return this.run('chat', request, options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Throws `request/invalid` for what is no runner. */
export function checkRunner(where: string, value: unknown): asserts value is Runner {
  const names = ['run', 'resume', 'info', 'stats', 'close']
  const fits =
    typeof value === 'object' && value !== null && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  if (!fits) throw invalid(`${where}: expected a Runner (a model, a pool, a client or a queue), got ${show(value)}`)
}
