// A loaded model: its tasks, its tokenizers for text and pictures, its lifetime. Made by lib/load.ts.
import type { NativeImageRequest, NativeModel } from './binding.js'
import type { DeviceReport } from './devices.js'
import { DimooError, invalid } from './errors.js'
import { vqPixels } from './image/grid.js'
import { readImage, type ImageInput } from './image/read.js'
import type { RawImage } from './image/raw.js'
import type { ModelInfo } from './info.js'
import { settle } from './job.js'
import { textToImageBranches, type Branches } from './prompt/layout.js'
import type { TextCoder } from './prompt/text.js'
import { imageSeeds, resolveImageRequest, type ResolvedImageRequest, type TextToImageRequest } from './request.js'
import { toImageResult, type ImageResult } from './result.js'
import { DecodingRun, RUN_FIELDS, type Run, type RunOptions, type Starter } from './run.js'
import { DecodedStep, type Grid, type ImageStep } from './step.js'
import * as validate from './validate.js'

/** What each task takes and gives. */
export interface TaskMap {
  'text-to-image': { readonly request: TextToImageRequest; readonly step: ImageStep; readonly result: ImageResult }
}
export type TaskName = keyof TaskMap

export interface SchedulerStats {
  readonly running: number
  readonly queued: number
  readonly completed: number
  readonly aborted: number
  readonly failed: number
  readonly forwardPasses: number
  readonly meanRowsPerPass: number
  readonly stepsPerSecond: number
  readonly deviceBytesUsed: number
  readonly deviceBytesFree: number
  readonly estimatedWaitMs: number
}

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

export class DimooModel implements DimooRunner {
  readonly info: ModelInfo
  readonly #native: NativeModel
  readonly #text: TextCoder | undefined
  readonly #runs = new Set<WeakRef<DecodingRun<ImageStep, ImageResult>>>()
  #closing: Promise<void> | undefined

  /** @internal Use `loadModel`. */
  constructor(native: NativeModel, info: ModelInfo, text: TextCoder | undefined) {
    this.#native = native
    this.info = info
    this.#text = text
  }

  /** What this model computes on. */
  get device(): DeviceReport {
    return this.info.device
  }

  get disposed(): boolean {
    return this.#closing !== undefined
  }

  /** Draws pictures from a text. Throws `request/invalid` and `disposed` at once; everything later rejects the run. */
  generate(request: TextToImageRequest, options: RunOptions = {}): Run<ImageStep, ImageResult> {
    const native = this.#open()
    validate.checkOptions('generate', options, RUN_FIELDS)
    const resolved = resolveImageRequest(request, this.info)
    const text = this.#coder()
    let promptTokens = 0
    const branches = textToImageBranches(resolved.prompt, resolved.guidance, text, this.info.tokens)
    const grid: Grid = { rows: resolved.rows, columns: resolved.columns }
    const { name, weights, sha256 } = this.info
    const context = { precision: this.info.precision, model: { name, weights, sha256 } }
    const starter = (found: Branches): Starter => {
      promptTokens = found.promptTokens
      return (wake) => native.run(toNative(resolved, found, options), wake)
    }
    const run = new DecodingRun<ImageStep, ImageResult>({
      task: 'text-to-image',
      options,
      starter: branches instanceof Promise ? branches.then(starter) : starter(branches),
      toStep: (step) => new DecodedStep(step, grid, { native: () => this.#open(), scale: this.info.scale }),
      toResult: (outcome) => toImageResult(outcome, { ...context, request: resolved, promptTokens }),
    })
    this.#remember(run)
    return run
  }

  /** Any task by name. */
  run<T extends TaskName>(task: T, request: TaskMap[T]['request'], options?: RunOptions): Run<TaskMap[T]['step'], TaskMap[T]['result']> {
    if ((task as string) !== 'text-to-image') throw invalid(`run: task must be 'text-to-image', got ${validate.show(task)}`)
    return this.generate(request, options)
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
    return JSON.parse(this.#open().stats()) as SchedulerStats
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

  // Weakly: a run that nobody holds must be collected, which stops it.
  #remember(run: DecodingRun<ImageStep, ImageResult>): void {
    for (const known of this.#runs) {
      const state = known.deref()?.state
      if (state !== 'queued' && state !== 'running') this.#runs.delete(known)
    }
    this.#runs.add(new WeakRef(run))
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

function toNative(request: ResolvedImageRequest, branches: Branches, options: RunOptions): NativeImageRequest {
  const { rows, columns, steps, temperature, schedule } = request
  const { prefixes, guidance, suffix } = branches
  const cells = new Int32Array(rows * columns).fill(-1)
  const { delivery = 'latest', buffer = 1 } = options
  return {
    prefixes,
    guidance,
    suffix,
    rows,
    columns,
    cells,
    seeds: imageSeeds(request),
    steps,
    temperature,
    schedule,
    delivery,
    buffer,
  }
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
