// A loaded model: a runner on a device of this process, its tokenizers for text and pictures, its lifetime. Made by load.ts; the tasks are
// in lib/tasks.
import { DimooError, invalid } from '../base/errors.js'
import { typedArrayName } from '../base/realm.js'
import { show } from '../base/show.js'
import { checkField, checkOptions, checkTextBytes } from '../fields/check.js'
import { boolean, group, integer, local, picture } from '../fields/field.js'
import type { ImageInput, RawImage } from '../fields/values.js'
import { fitToGrid } from '../image/prepare.js'
import { readImage } from '../image/read.js'
import type { Grid } from '../image/region.js'
import type { NativeModel } from '../native/binding.js'
import type { DeviceReport, MemoryPlan, ModelInfo } from '../native/info.js'
import { settle } from '../native/job.js'
import { said } from '../prompt/prompt-text.js'
import type { TextCoder } from '../prompt/text.js'
import { capturePicture } from '../requests/capture.js'
import { checkTask } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import type { PreviewOptions, ResumeOptions, RunOptions, TaskRequests } from '../requests/types/index.js'
import { LiveRuns } from '../run/live-runs.js'
import type { AnyRun, StepData } from '../run/types.js'
import { RunnerBase, type CloseOptions, type RunOf, type SchedulerStats, type StepDrawer } from '../runner/runner.js'
import { Admission } from './admission.js'
import { drawStep } from './draw.js'
import { coderOf } from './opened.js'
import { CLOSE_FIELDS } from './options.js'
import { planRequests, type TaskRequest } from './plan.js'
import { resumeTask, startTask, type LocalRun, type StartingModel } from './start.js'
import type { SchedulerOptions } from './types.js'

const SPECIAL_TOKENS = boolean({ summary: 'Whether added tokens are recognised.' })
const SKIP_SPECIAL = boolean({ summary: 'Whether special tokens are left out.' })
const PICTURE = picture({ summary: 'The picture.' })
const SIGNAL = local('signal', 'Aborts the work.')
const SIDE = integer(1, 4096, { summary: 'Cells.' })
const GRID = group({ width: SIDE, height: SIDE }, { summary: 'In cells.', required: ['width', 'height'] })

/** Codes on a grid. */
export interface Codes {
  /** Codebook ids, row by row. */
  readonly tokens: Int32Array
  /** In cells. */
  readonly grid: Grid
}

/** A loaded model: a `Runner` on a device of this process. Made by `loadModel`. */
export class DimooModel extends RunnerBase implements StepDrawer {
  readonly #native: NativeModel
  readonly #info: ModelInfo
  readonly #text: TextCoder | undefined
  readonly #tasks: StartingModel
  readonly #admission: Admission
  readonly #runs = new LiveRuns<LocalRun>()
  #previewTable: Promise<Uint8Array> | undefined
  #closing: Promise<void> | undefined

  /** @internal Use `loadModel`. */
  constructor(native: NativeModel, info: ModelInfo, text: TextCoder | undefined, scheduler: SchedulerOptions = {}) {
    super()
    this.#native = native
    this.#info = info
    this.#text = text
    this.#admission = new Admission(scheduler, () => this.#stats().estimatedWaitMs)
    this.#tasks = {
      info,
      maxQueueMs: scheduler.maxQueueMs,
      admission: this.#admission,
      native: () => this.#open(),
      coder: () => this.#coder(),
      previewTable: () => this.#drafts(),
    }
  }

  /** What this model computes on. */
  get device(): DeviceReport {
    return this.#info.device
  }

  get disposed(): boolean {
    return this.#closing !== undefined
  }

  override run<Task extends TaskName, const Options extends RunOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options> {
    this.#open()
    checkTask(task)
    return this.#runs.add(startTask(task, request, options ?? {}, this.#tasks)) as AnyRun as RunOf<Task, Options>
  }

  override resume(snapshot: Uint8Array, options: ResumeOptions = {}): AnyRun {
    this.#open()
    return this.#runs.add(resumeTask(snapshot, options, this.#tasks))
  }

  /**
   * Bytes that this very request would be started with, over those in use now, and whether they are there. Texts and pictures are read and nothing
   * is computed, so that it takes milliseconds. Of several at once, and without loading: `planMemory`.
   * @throws as `run` does, but `device/out-of-memory`.
   * @example const { fits, totalBytes } = await model.plan('edit', { prompt: 'Make it blue.', image: 'photo.jpg' })
   */
  async plan<Task extends TaskName>(
    task: Task,
    request: TaskRequests[Task],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<MemoryPlan> {
    this.#open()
    checkTask(task)
    checkOptions('plan', options, { fields: { signal: SIGNAL } })
    const signal = options.signal ?? new AbortController().signal
    signal.throwIfAborted()
    return planRequests([{ task, request } as TaskRequest], this.#tasks, signal)
  }

  /**
   * Token ids of a text as it is; nothing is put before or after. Added tokens such as `<IMAGE>` are recognised unless `specialTokens` is false,
   * which is how requests read their texts.
   */
  async tokenize(text: string, options: { readonly specialTokens?: boolean; readonly signal?: AbortSignal } = {}): Promise<Int32Array> {
    this.#open()
    checkOptions('tokenize', options, { fields: { specialTokens: SPECIAL_TOKENS, signal: SIGNAL } })
    if (typeof text !== 'string') throw invalid(`tokenize: text must be a string, got ${show(text)}`)
    checkTextBytes('tokenize: text', text)
    const { specialTokens = true, signal } = options
    signal?.throwIfAborted()
    return this.#coder().encode(said(text, specialTokens), signal)
  }

  /** The text of ids. Ids that the tokenizer does not know (image codes) are skipped; special tokens are kept unless told otherwise. */
  async detokenize(ids: Int32Array, options: { readonly skipSpecial?: boolean } = {}): Promise<string> {
    this.#open()
    checkOptions('detokenize', options, { fields: { skipSpecial: SKIP_SPECIAL } })
    if (typedArrayName(ids) !== 'Int32Array') throw invalid(`detokenize: ids must be an Int32Array, got ${show(ids)}`)
    return this.#coder().decode(Int32Array.from(ids), options.skipSpecial ?? false)
  }

  /**
   * A picture's codes. Sides that are no multiple of the cell are scaled down to the next one (Lanczos).
   *
   * @throws `image/invalid` for a picture that cannot be read or is smaller than a cell; `device/out-of-memory` where it does not fit.
   */
  async encodeVq(image: ImageInput, options: { readonly signal?: AbortSignal } = {}): Promise<Codes> {
    this.#open()
    checkOptions('encodeVq', options, { fields: { signal: SIGNAL } })
    checkField('encodeVq', 'image', image, PICTURE)
    const own = capturePicture(image) as ImageInput
    const { signal } = options
    const { scale } = this.#info
    const { data, width, height } = await fitToGrid(await readImage(own, { field: 'image', signal }), scale, signal)
    const tokens = await settle(() => this.#open().encodeVq(data, width, height), signal)
    return { tokens, grid: { width: width / scale, height: height / scale } }
  }

  /**
   * The picture of a grid of codes (0 to codebook size - 1).
   *
   * @throws `request/invalid` for codes that are none; `device/out-of-memory` where it does not fit.
   */
  async decodeVq(tokens: Int32Array, grid: Grid, options: { readonly signal?: AbortSignal } = {}): Promise<RawImage> {
    this.#open()
    checkOptions('decodeVq', options, { fields: { signal: SIGNAL } })
    checkField('decodeVq', 'grid', grid, GRID)
    this.#checkCodes(tokens, grid)
    const own = Int32Array.from(tokens)
    const { width, height } = grid
    const data = await settle(() => this.#open().decodeVq(own, height, width), options.signal)
    return { data, width: width * this.#info.scale, height: height * this.#info.scale, channels: 3 }
  }

  async decodeStep(step: StepData, options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    this.#open()
    return drawStep(this.#tasks)(step, options)
  }

  override async info(): Promise<ModelInfo> {
    this.#open()
    return this.#info
  }

  override async stats(): Promise<SchedulerStats> {
    this.#open()
    const stats = this.#stats()
    // Those that the device does not know yet wait too.
    return { ...stats, queued: stats.queued + this.#admission.preparing }
  }

  override async close(options: CloseOptions = {}): Promise<void> {
    checkOptions('close', options, { fields: CLOSE_FIELDS })
    return (this.#closing ??= this.#close(options))
  }

  async #close({ timeoutMs = 0, reason = new DimooError('disposed', 'the model was closed') }: CloseOptions): Promise<void> {
    await this.#runs.end(timeoutMs, reason)
    await settle(() => this.#native.close())
    await this.#text?.close()
  }

  #stats(): SchedulerStats {
    return JSON.parse(this.#native.stats()) as SchedulerStats
  }

  #open(): NativeModel {
    if (this.#closing) throw new DimooError('disposed', 'the model was closed')
    return this.#native
  }

  #coder(): TextCoder {
    return coderOf({ text: this.#text, info: this.#info })
  }

  #drafts(): Promise<Uint8Array> {
    this.#previewTable ??= settle(() => this.#open().previewTable()).catch((error: unknown) => {
      this.#previewTable = undefined
      throw error
    })
    return this.#previewTable
  }

  #checkCodes(tokens: Int32Array, { width, height }: Grid): void {
    const isCodes = typedArrayName(tokens) === 'Int32Array'
    if (!isCodes || tokens.length !== width * height) {
      throw invalid(
        `decodeVq: tokens must be an Int32Array of width x height = ${width} x ${height} codes, got ${isCodes ? tokens.length : show(tokens)}`,
      )
    }
    const { codebookSize } = this.#info
    const bad = tokens.findIndex((code) => code < 0 || code >= codebookSize)
    if (bad >= 0) throw invalid(`decodeVq: tokens must be from 0 to ${codebookSize - 1}, got ${tokens[bad]} at ${bad}`)
  }
}
