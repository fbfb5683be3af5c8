// The one door to the addon: what csrc/napi exports, typed. Values only: numbers, strings of JSON, typed arrays.
// Everything here may throw or reject with a NativeError; lib/base/errors.ts turns that into a DimooError.
import { createRequire } from 'node:module'
import type { BindingAttempt } from '../base/errors.js'
import { moduleUrl } from '../base/package-root.js'
import { bindingError } from './binding-error.js'
import { places } from './places.js'

/** An Error made by the addon: `code` is an ErrorCode, `details` a JSON object as text (or absent). */
export interface NativeError extends Error {
  readonly code: string
  readonly details?: string
}

/** Work on a thread of its own. Settles once; `cancel` makes it reject with code `aborted` soon. Nothing half-written stays. */
export interface NativeJob<T> {
  readonly promise: Promise<T>
  cancel(): void
}

/**
 * convert {source, output, type, vqType?, preview?, threads?} -> {tensors, bytes, fallbacks: [{name, type}], seconds}
 * export  {source, output, type?, shardBytes?} -> {tensors, bytes, files, seconds}
 * synth   {shape, output, type, seed, layout?} -> {tensors, bytes}
 * inspect {source, verify?} -> InspectReport (lib/model/inspect.ts)
 * devices {} -> DeviceReport[]
 * doctor  {verify?} -> {cpu: {name, features, threads, variants: [{op, chosen, available}], byName}, cuda: {...}, build: {...}}
 * bench   {source, device, precision, threads, rows, repetitions, width?, height?, steps?} -> BenchReport (lib/cli/bench.ts)
 * Options and results travel as JSON text; progress is {phase, done, total} (bytes).
 */
export type JobName = 'convert' | 'export' | 'synth' | 'inspect' | 'devices' | 'doctor' | 'bench' | 'speed'

/** The options of `load`, as JSON text. */
export interface NativeLoadOptions {
  readonly source: string
  readonly device: string // 'cpu', 'cuda:0', ... ('auto' is resolved in TypeScript from `devices`)
  readonly precision: 'fast' | 'f32'
  readonly threads: number // 0: as many as this process may use
  readonly verify: 'sizes' | 'full'
  readonly maxHostBytes?: number
  readonly panelBytes?: number
  readonly maxRowsPerPass?: number
  readonly maxActive?: number
  readonly maxQueue?: number
  readonly policy?: 'fifo' | 'fair' | 'shortest-remaining'
  readonly batchWindowMs?: number
  /** 'plans': nothing is bound to the device; the model only answers `info`, `tokenizerJson` and `plan`. Default 'runs'. */
  readonly use?: 'runs' | 'plans'
  readonly variant?: string // forces a CPU variant by name (tests)
}

/** What every request says. `seeds.length` pictures (or one answer) are decoded as one batch. */
interface NativeRequestBase {
  /** What stands before the target, one per branch (1 to 3), conditional first. For pictures it ends with `<answer><IMAGE>`. */
  readonly prefixes: readonly Int32Array[]
  /** What stands after it, one per branch: `</IMAGE></answer>` or `</answer>`. */
  readonly suffixes: readonly Int32Array[]
  /** One weight per unconditional branch (prefixes.length - 1). Pictures: c + sum w_j (c - u_j). Text: u + (w + 1) (c - u). */
  readonly guidance: readonly number[]
  readonly seeds: BigUint64Array
  readonly steps: number
  readonly temperature: number
  readonly cache?: { readonly ratio: number; readonly warmup: number; readonly refresh: number }
  readonly priority: number // larger goes first; 0 by default
  readonly tag: string // key of fair sharing
  /** The run's name, at most 200 characters. Absent: one that no other run has, in this process or any other. */
  readonly id?: string
  readonly delivery: 'latest' | 'all' | 'none'
  readonly buffer: number
}

/** Pictures of one grid. */
export interface NativeImageRequest extends NativeRequestBase {
  readonly kind: 'image'
  readonly rows: number
  readonly columns: number
  /** rows * columns codes to begin from, -1 where masked. */
  readonly cells: Int32Array
  /** Only codes at least so many times as likely as the likeliest one in the conditional branch may be chosen, 0 to 1. Absent: 0. */
  readonly floor?: number
  /** Cells that stay masked after each step, as a share of the masked cells at the start; `cosine` is computed in C++. */
  readonly schedule: 'cosine' | 'linear' | Float32Array
  /**
   * Where another run stood, in place of `cells`: its codes, -1 where masked, after `step` steps (0 to 4096). The first step of this run
   * has that number and computes everything; all masked cells are spread as after a remask, over max(steps - step, ceil(steps * masked /
   * all cells)) steps, by the cosine from 1, whatever `schedule` says (step 0: as if the codes were `cells`). `pinned` cells hold a code and
   * keep it: `remask` leaves them out.
   */
  readonly start?: { readonly tokens: Int32Array; readonly step: number; readonly pinned: Uint32Array }
  /** false: only the codes are wanted, `images` have no pixels. Absent: true. */
  readonly pixels?: boolean
  /** Test hook: recorded uniforms in place of Philox, per step: (masked, codebook) and (masked). */
  readonly noise?: readonly { readonly sample: Float32Array; readonly cut: Float32Array }[]
}

/** One answer, decoded block by block. */
export interface NativeTextRequest extends NativeRequestBase {
  readonly kind: 'text'
  readonly length: number // tokens; a multiple of block
  readonly block: number
  readonly remasking: 'confidence' | 'random'
  /** Fixes whatever is surer than this, and at least what `steps` asks for. */
  readonly threshold?: number
  readonly reuse: 'none' | 'prefix'
  /** Ids that end the answer. */
  readonly ends: Int32Array
  /** Reference: steps without a token to fix are run all the same; decoding stops after a block once the first of `ends` is anywhere in the sequence. */
  readonly compat: 'none' | 'reference'
  /** Nothing is decoded: one pass, and the probabilities of these ids at the first token (`NativeOutcome.probabilities`). */
  readonly probe?: Int32Array
  /** Test hook: recorded uniforms per step: (candidates, vocabulary). */
  readonly noise?: readonly { readonly sample: Float64Array }[]
}

export type NativeRequest = NativeImageRequest | NativeTextRequest

export interface NativeStep {
  readonly image: number
  readonly step: number // 0-based index of the step that was just done
  readonly steps: number
  readonly skipped: number
  readonly masked: number // cells or tokens still masked
  readonly rows: number // rows computed for this picture or answer in this pass
  readonly pass: 'full' | 'cached' | 'text'
  readonly elapsedMs: number // since the run started
  readonly tokens: Int32Array // codes on the grid, or vocabulary ids of the answer; -1 = masked
  readonly guess: Int32Array // as tokens, but with the model's present guess where masked (-1: none yet)
  readonly changed: Uint32Array // cells fixed since the last step delivered for this image
  readonly confidence: Float32Array // one per changed cell
  readonly block: number // text: the block of this step, of `blocks`; pictures 0 of 1
  readonly blocks: number
}

export interface NativeOutcome {
  readonly state: 'done' | 'failed' | 'aborted'
  readonly error?: NativeError
  /** Of a request for pictures. */
  readonly images: readonly {
    readonly tokens: Int32Array
    readonly pixels: Uint8Array
    readonly width: number
    readonly height: number
  }[]
  /** Of a request for text: ids up to where it ends (exclusive), and why it ended: an end token, or all tokens used. */
  readonly answer?: Int32Array
  readonly finish?: 'stop' | 'length'
  /** Of a probe: softmax probabilities of the ids asked for, over the whole vocabulary. */
  readonly probabilities?: Float64Array
  /** What `remask` did. */
  readonly remasked: readonly { readonly image: number; readonly step: number; readonly cells: number }[]
  readonly queuedMs: number
  readonly decodeMs: number
  readonly vqMs: number
  readonly totalMs: number
  readonly steps: number
  readonly forwardPasses: number
  readonly forwardTokens: number
}

export interface NativeRun {
  /** A step; undefined: none yet, `wake` will be called once; null: no more steps (ask `outcome`). */
  next(): NativeStep | undefined | null
  /** undefined while the run goes on (then `wake` will be called when it has ended). */
  outcome(): NativeOutcome | undefined
  /** paused: by `pause`. After `continue` a run is queued until it has a place again. */
  state(): 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'aborted'
  id(): string
  cancel(): void
  /**
   * At the next step boundary the run gives back its place and `wake` is called; its memory and its steps stay. It can be cancelled, written
   * down and remasked as ever. Nothing for a run that has ended.
   */
  pause(): void
  /** It waits for a place again; `wake` is called once `pause` is no longer in force. */
  continue(): void
  /** Cells that become masked again at the next step boundary. Throws `request/invalid` once that picture's last step is done. */
  remask(image: number, cells: Uint32Array): void
  /**
   * The state at the next step boundary, for `NativeModel.run(request, wake, state)` with the same request. undefined: not yet, `wake` will
   * be called; ask again. Throws `request/invalid` once the run has ended.
   */
  snapshot(): NativeSnapshot | undefined
}

export interface NativeSnapshot {
  readonly state: Uint8Array
  /** Steps that are done. */
  readonly step: number
}

export interface NativeModel {
  /** ModelInfo (lib/native/info.ts) as JSON text: hyperparameters, token roles, defaults, device, types. */
  info(): string
  /** The checkpoint's tokenizer.json, '' if it has none. */
  tokenizerJson(): string
  /**
   * The memory that these very requests (one or more) would be started with, all at once, as JSON: {weightsBytes, panelBytes, kvBytes,
   * logitsBytes, activationsBytes, vqBytes, totalBytes, fits, availableBytes}. Token ids only count, so zeros will do. Throws as `run`
   * does, but for memory.
   */
  plan(requests: readonly NativeRequest[]): string
  /** Throws as `run` does, `device/out-of-memory` too, and starts nothing. */
  checkFits(request: NativeRequest): void
  /**
   * `state`: of a snapshot of the same request, to go on from. Throws `request/invalid` for one that does not fit. `resume`: 'exact' (default)
   * comes to the same bits, and may repeat steps since the last full one for that; 'present' goes on from the cells as they stood with a full
   * step: for another device, variant or precision, on which repeated steps could come to other cells.
   */
  run(request: NativeRequest, wake: () => void, state?: Uint8Array, resume?: 'exact' | 'present'): NativeRun
  /** RGB bytes whose sides are multiples of the VQ's scale -> codes, row by row. */
  encodeVq(pixels: Uint8Array, width: number, height: number): NativeJob<Int32Array>
  /** Codes -> RGB bytes of (columns * scale) x (rows * scale). */
  decodeVq(tokens: Int32Array, rows: number, columns: number): NativeJob<Uint8Array>
  /** Drafts: 4 x 4 RGB bytes per code, (codebook, 4, 4, 3); from the file, or made at low priority and kept. */
  previewTable(): NativeJob<Uint8Array>
  /** JSON: {running, queued, paused, completed, aborted, failed, forwardPasses, forwardMs, rowsPerPass, meanRowsPerPass, reusedRowRatio, stepsPerSecond, deviceBytesUsed, deviceBytesFree, estimatedWaitMs}. */
  stats(): string
  /** Cancels what runs, waits for it on a thread of its own, frees the device. Idempotent. */
  close(): NativeJob<void>
}

export interface Binding {
  readonly version: string
  /** How it was built: {compiler, cuda: boolean, cudaArchitectures, sanitizer}, as JSON text. */
  readonly build: string
  job(name: JobName, options: string, progress?: (json: string) => void): NativeJob<string>
  load(options: string, progress?: (json: string) => void): NativeJob<NativeModel>
  /** Integer-exact 8-bit resampling (docs/model.md#resampling) of tightly packed pixels. */
  resize(
    pixels: Uint8Array,
    channels: number,
    width: number,
    height: number,
    toWidth: number,
    toHeight: number,
    filter: 'box' | 'bicubic' | 'lanczos',
  ): NativeJob<Uint8Array>
  /**
   * The original's crop to the best of its list of sizes for `patches` patches of 32 (docs/model.md#crops), as RGB pixels. Of RGB, or
   * of RGBA, whose colours are weighted by alpha while resizing, before it is dropped. `offset`: 'centre', or the seed of a random one
   * (stream `crop` of the counter, position 0: left, 1: top). `between`: pixels are mixed, or the nearest one is taken (palettes), or
   * the greatest that is touched (masks).
   */
  crop(
    pixels: Uint8Array,
    width: number,
    height: number,
    patches: number,
    offset: 'centre' | bigint,
    between: 'mixture' | 'nearest' | 'greatest',
  ): NativeJob<NativePixels>
  /** Edges of a picture as OpenCV's Canny draws them (3x3 Sobel, L1 norm) on grey of the RGB pixels; 0 or 255 per pixel. */
  canny(pixels: Uint8Array, width: number, height: number, low: number, high: number): NativeJob<Uint8Array>
  /**
   * Original pixels outside the painted cells (1 of `cells`, rows x columns), the painted picture inside; `feather` pixels around the
   * painted cells fade from one to the other. RGB.
   */
  composite(
    original: Uint8Array,
    painted: Uint8Array,
    width: number,
    height: number,
    cells: Uint8Array,
    rows: number,
    columns: number,
    feather: number,
  ): NativeJob<Uint8Array>
}

export interface NativePixels {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
}

let loaded: Binding | undefined

/** Loads the addon at first use, never at import, so that `dimoo --version` and `dimoo build` work without one. */
export function binding(): Binding {
  return (loaded ??= load())
}

function load(): Binding {
  const attempts: BindingAttempt[] = []
  let failure: unknown
  for (const place of places()) {
    if ('why' in place) {
      attempts.push({ path: place.path, message: place.why })
      continue
    }
    try {
      return createRequire(moduleUrl)(place.file) as Binding
    } catch (error) {
      failure = error
      attempts.push({ path: place.file, message: (error as Error).message.split('\n', 1)[0]! })
    }
  }
  throw bindingError(attempts, failure)
}
