// The one door to the addon: what csrc/napi exports, typed. Values only: numbers, strings of JSON, typed arrays.
// Everything here may throw or reject with a NativeError; lib/errors.ts turns that into a DimooError.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { bindingError } from './binding-error.js'

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
 * synth   {shape, output, type, seed, layout?} -> {tensors, bytes}
 * inspect {source, verify?} -> InspectReport (lib/inspect.ts)
 * devices {} -> DeviceReport[]
 * plan    {source, device, precision, memory, runs: [{width, height, images, textTokens, cache, promptTokens}]} -> MemoryPlan
 * doctor  {verify?} -> {cpu: {name, features, threads, variants: [{op, chosen, available}]}, cuda: {...}, build: {...}}
 * Options and results travel as JSON text; progress is {phase, done, total} (bytes).
 */
export type JobName = 'convert' | 'synth' | 'inspect' | 'devices' | 'plan' | 'doctor'

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
  readonly variant?: string // forces a CPU variant by name (tests)
}

/** One request for pictures: `seeds.length` pictures of one grid, decoded as one batch. */
export interface NativeImageRequest {
  /** One token prefix per branch, `<answer><IMAGE>` included: conditional, then unconditional ones. 1 to 3. */
  readonly prefixes: readonly Int32Array[]
  /** One weight per unconditional branch (prefixes.length - 1). guided = c + sum w_j (c - u_j). */
  readonly guidance: readonly number[]
  /** After the last row end: `</IMAGE></answer>`. */
  readonly suffix: Int32Array
  readonly rows: number
  readonly columns: number
  /** rows * columns codes, -1 where masked. */
  readonly cells: Int32Array
  readonly seeds: BigUint64Array
  readonly steps: number
  readonly temperature: number
  /** Cells that stay masked after each step, as a share of the masked cells at the start; `cosine` is computed in C++. */
  readonly schedule: 'cosine' | 'linear' | Float32Array
  readonly delivery: 'latest' | 'all' | 'none'
  readonly buffer: number
  /** Test hook: recorded uniforms in place of Philox, per step: (masked, codebook) and (masked). */
  readonly noise?: readonly { readonly sample: Float32Array; readonly cut: Float32Array }[]
}

export interface NativeStep {
  readonly image: number
  readonly step: number // 0-based index of the step that was just done
  readonly steps: number
  readonly skipped: number
  readonly masked: number // cells still masked
  readonly rows: number // rows computed for this run in this pass
  readonly pass: 'full' | 'cached' | 'text'
  readonly elapsedMs: number // since the run started
  readonly tokens: Int32Array // rows * columns codes, -1 = masked
  readonly guess: Int32Array // as tokens, but with the model's present guess where masked
  readonly changed: Uint32Array // cells fixed since the last step delivered for this image
  readonly confidence: Float32Array // one per changed cell
}

export interface NativeOutcome {
  readonly state: 'done' | 'failed' | 'aborted'
  readonly error?: NativeError
  readonly images: readonly {
    readonly tokens: Int32Array
    readonly pixels: Uint8Array
    readonly width: number
    readonly height: number
  }[]
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
  state(): 'queued' | 'running' | 'done' | 'failed' | 'aborted'
  cancel(): void
}

export interface NativeModel {
  /** ModelInfo (lib/model.ts) as JSON text: hyperparameters, token roles, defaults, device, types. */
  info(): string
  /** The checkpoint's tokenizer.json, '' if it has none. */
  tokenizerJson(): string
  run(request: NativeImageRequest, wake: () => void): NativeRun
  /** RGB bytes whose sides are multiples of the VQ's scale -> codes, row by row. */
  encodeVq(pixels: Uint8Array, width: number, height: number): NativeJob<Int32Array>
  /** Codes -> RGB bytes of (columns * scale) x (rows * scale). */
  decodeVq(tokens: Int32Array, rows: number, columns: number): NativeJob<Uint8Array>
  /** JSON: {running, queued, completed, aborted, failed, forwardPasses, meanRowsPerPass, stepsPerSecond, deviceBytesUsed, deviceBytesFree, estimatedWaitMs}. */
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
  /** Integer-exact 8-bit resampling (golden README section 11) of tightly packed pixels. */
  resize(
    pixels: Uint8Array,
    channels: number,
    width: number,
    height: number,
    toWidth: number,
    toHeight: number,
    filter: 'box' | 'bicubic' | 'lanczos',
  ): NativeJob<Uint8Array>
}

// The package root, from dist/ and from lib/ (tests run the sources) alike.
export const packageRoot = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
let loaded: Binding | undefined

/** Loads the addon at first use, never at import, so that `dimoo --version` and `dimoo build` work without one. */
export function binding(): Binding {
  if (loaded) return loaded
  const load = require('node-gyp-build') as (dir: string) => Binding
  try {
    loaded = load(packageRoot)
  } catch (error) {
    throw bindingError(packageRoot, error)
  }
  return loaded
}
