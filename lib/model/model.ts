// A loaded model: its tasks, its tokenizers for text and pictures, its lifetime. Made by lib/model/load.ts; the tasks are in lib/tasks.
import type { NativeModel } from '../native/binding.js'
import type { DeviceReport } from './devices.js'
import { DimooError, invalid } from '../base/errors.js'
import { vqPixels } from '../image/grid.js'
import type { RawImage } from '../image/raw.js'
import { readImage, type ImageInput } from '../image/read.js'
import type { ModelInfo } from '../native/info.js'
import { settle } from '../native/job.js'
import type { TextCoder } from '../prompt/text.js'
import { checkTask } from '../requests/index.js'
import type { ImageResult, TextResult } from '../run/result.js'
import type { Run, RunOptions } from '../run/options.js'
import { statsOf, type SchedulerStats } from './stats.js'
import type { Grid, ImageStep } from '../run/step.js'
import type { TextStep } from '../run/text-step.js'
import type { Compat, TaskModel } from '../tasks/context.js'
import type { TaskMap, TaskName } from '../tasks/map.js'
import { resumeTask, startTask, type AnyRun } from './start.js'
import * as validate from '../fields/validate.js'

/** The interface that a local model shares with whatever else runs tasks. */
export interface DimooRunner extends AsyncDisposable {
  run<T extends TaskName>(task: T, request: TaskMap[T]['request'], options?: RunOptions): Run<TaskMap[T]['step'], TaskMap[T]['result']>
}

export interface CloseOptions {
  /** How long running ones may go on before they are aborted. Default 0. */
  readonly timeoutMs?: number
  /** What aborted runs reject with. Default: a `disposed` error. */
  readonly reason?: unknown
}

const CLOSE_FIELDS = {
  timeoutMs: validate.number(0, 2 ** 31 - 1),
  reason: { check: (value: unknown) => ({ value }) },
} satisfies validate.Fields

const DETOKENIZE_FIELDS = { skipSpecial: validate.boolean() } satisfies validate.Fields
const GRID_FIELDS = { rows: validate.integer(1, 4096), columns: validate.integer(1, 4096) } satisfies validate.Fields

/** How a model was loaded, as far as its tasks need to know. */
export interface ModelSettings {
  readonly compat: Compat
  readonly maxQueueMs: number | undefined
}

export class DimooModel implements DimooRunner {
  readonly info: ModelInfo
  readonly #native: NativeModel
  readonly #text: TextCoder | undefined
  readonly #tasks: TaskModel
  readonly #runs = new Set<WeakRef<AnyRun>>()
  #previewTable: Promise<Uint8Array> | undefined
  #closing: Promise<void> | undefined

  /** @internal Use `loadModel`. */
  constructor(native: NativeModel, info: ModelInfo, text: TextCoder | undefined, settings: ModelSettings) {
    this.#native = native
    this.info = info
    this.#text = text
    this.#tasks = {
      info,
      ...settings,
      native: () => this.#open(),
      coder: () => this.#coder(),
      previewTable: () => this.#drafts(),
    }
  }

  /** What this model computes on. */
  get device(): DeviceReport {
    return this.info.device
  }

  get disposed(): boolean {
    return this.#closing !== undefined
  }

  // The tasks. Each throws `request/invalid` and `disposed` at once; everything later (unreadable pictures too) rejects the run.

  /** Draws pictures from a text. */
  generate(request: TaskMap['text-to-image']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('text-to-image', request, options)
  }

  /** Changes a picture as an instruction says. */
  edit(request: TaskMap['edit']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('edit', request, options)
  }

  /** Draws the masked part of a picture anew. */
  inpaint(request: TaskMap['inpaint']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('inpaint', request, options)
  }

  /** Draws what lies around a picture. */
  outpaint(request: TaskMap['outpaint']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('outpaint', request, options)
  }

  /** Draws pictures from a text and a map: edges, depth or a pose. */
  control(request: TaskMap['control']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('control', request, options)
  }

  /** Reads a map from a picture. */
  predict(request: TaskMap['predict']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('predict', request, options)
  }

  /** Draws the subject of a picture in another scene. */
  subject(request: TaskMap['subject']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('subject', request, options)
  }

  /** Draws a picture in the style of another, at the other's size. */
  style(request: TaskMap['style']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('style', request, options)
  }

  /** Draws another view of what a front view shows. */
  view(request: TaskMap['view']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('view', request, options)
  }

  /** Answers a question about pictures. */
  ask(request: TaskMap['understand']['request'], options?: RunOptions): Run<TextStep, TextResult> {
    return this.run('understand', request, options)
  }

  /** Continues a conversation. */
  chat(request: TaskMap['chat']['request'], options?: RunOptions): Run<TextStep, TextResult> {
    return this.run('chat', request, options)
  }

  /** Decodes a region of a result or a picture again; no token outside it changes. */
  retouch(request: TaskMap['retouch']['request'], options?: RunOptions): Run<ImageStep, ImageResult> {
    return this.run('retouch', request, options)
  }

  /** Any task by name. */
  run<T extends TaskName>(
    task: T,
    request: TaskMap[T]['request'],
    options: RunOptions = {},
  ): Run<TaskMap[T]['step'], TaskMap[T]['result']> {
    this.#open()
    checkTask(task)
    return this.#remember(startTask(task, request, options, this.#tasks))
  }

  /**
   * Goes on from a snapshot, to a bit-identical end. Throws `request/invalid` for a snapshot of another model, precision, kind of
   * device or version (both are named); a damaged one rejects the run. Priority, delivery and the like are taken from `options` anew.
   */
  resume(snapshot: Uint8Array, options: RunOptions = {}): Run<ImageStep | TextStep, ImageResult | TextResult> {
    this.#open()
    return this.#remember(resumeTask(snapshot, options, this.#tasks))
  }

  /** Token ids of a text as it is: added tokens such as `<IMAGE>` are recognised, nothing is put before or after. */
  async tokenize(text: string): Promise<Int32Array> {
    this.#open()
    if (typeof text !== 'string') throw invalid(`tokenize: text must be a string, got ${validate.show(text)}`)
    validate.checkTextBytes('tokenize: text', text)
    return this.#coder().encode(text)
  }

  /** The text of ids. Ids that the tokenizer does not know (image codes) are skipped; special tokens are kept unless told otherwise. */
  async detokenize(ids: Int32Array, options: { readonly skipSpecial?: boolean } = {}): Promise<string> {
    this.#open()
    validate.checkOptions('detokenize', options, DETOKENIZE_FIELDS)
    if (!(ids instanceof Int32Array)) throw invalid(`detokenize: ids must be an Int32Array, got ${validate.show(ids)}`)
    return this.#coder().decode(ids, options.skipSpecial ?? false)
  }

  /** A picture's codes, row by row. Sides that are no multiple of the cell are scaled down to the next one (Lanczos). */
  async encodeVq(image: ImageInput): Promise<{ readonly tokens: Int32Array; readonly grid: Grid }> {
    this.#open()
    const { data, width, height } = await vqPixels(await readImage(image), this.info.scale)
    const tokens = await settle(() => this.#open().encodeVq(data, width, height))
    return { tokens, grid: { rows: height / this.info.scale, columns: width / this.info.scale } }
  }

  /** The picture of a grid of codes (0 to codebook size - 1). */
  async decodeVq(tokens: Int32Array, grid: Grid): Promise<RawImage> {
    this.#open()
    validate.checkOptions('decodeVq: grid', grid, GRID_FIELDS)
    this.#checkCodes(tokens, grid)
    const data = await settle(() => this.#open().decodeVq(tokens, grid.rows, grid.columns))
    return { data, width: grid.columns * this.info.scale, height: grid.rows * this.info.scale, channels: 3 }
  }

  stats(): SchedulerStats {
    return statsOf(this.#open())
  }

  /** Refuses new runs, waits for running ones at most `timeoutMs`, aborts the rest, frees the device. Idempotent. */
  async close(options: CloseOptions = {}): Promise<void> {
    validate.checkOptions('close', options, CLOSE_FIELDS)
    return (this.#closing ??= this.#close(options))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close({ timeoutMs = 0, reason = new DimooError('disposed', 'the model was closed') }: CloseOptions): Promise<void> {
    const runs = [...this.#runs].flatMap((run) => run.deref() ?? [])
    if (timeoutMs > 0) await Promise.race([Promise.all(runs.map((run) => run.ended())), timeout(timeoutMs)])
    for (const run of runs) run.abort(reason)
    await settle(() => this.#native.close())
    await this.#text?.close()
  }

  #open(): NativeModel {
    if (this.#closing) throw new DimooError('disposed', 'the model was closed')
    return this.#native
  }

  #coder(): TextCoder {
    if (!this.#text) throw new DimooError('model/unsupported', `model ${this.info.name}: expected a tokenizer in its file, got none`)
    return this.#text
  }

  #drafts(): Promise<Uint8Array> {
    this.#previewTable ??= settle(() => this.#open().previewTable()).catch((error: unknown) => {
      this.#previewTable = undefined
      throw error
    })
    return this.#previewTable
  }

  // Weakly: a run that nobody holds must be collected, which stops it.
  #remember(run: AnyRun): AnyRun {
    for (const known of this.#runs) {
      const state = known.deref()?.state
      if (state !== 'queued' && state !== 'running') this.#runs.delete(known)
    }
    this.#runs.add(new WeakRef(run))
    return run
  }

  #checkCodes(tokens: Int32Array, { rows, columns }: Grid): void {
    const cells = rows * columns
    if (!(tokens instanceof Int32Array) || !(cells > 0) || tokens.length !== cells) {
      const got = tokens instanceof Int32Array ? tokens.length : validate.show(tokens)
      throw invalid(`decodeVq: tokens must be an Int32Array of rows x columns = ${rows} x ${columns} codes, got ${got}`)
    }
    const bad = tokens.findIndex((code) => code < 0 || code >= this.info.codebook_size)
    if (bad >= 0) throw invalid(`decodeVq: tokens must be from 0 to ${this.info.codebook_size - 1}, got ${tokens[bad]} at ${bad}`)
  }
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
