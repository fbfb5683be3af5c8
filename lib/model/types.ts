// What can be said about loading, planning and converting. Written by scripts/generate.mjs from the descriptors of options.ts: change those.
import type { Progress } from '../base/progress.js'
import type { Device } from '../native/info.js'
import type { Logger } from './logger.js'

/**
 * Budgets.
 */
export interface MemoryOptions {
  /** Most bytes of main memory. At least 0. In bytes. Default: what this process may use. */
  readonly maxHostBytes?: number
  /** Most bytes of repacked copies of weights (CPU). At least 0. In bytes. Default: what is free after the plan, at most the weights' size. */
  readonly panelBytes?: number
}

/**
 * How runs share the device.
 */
export interface SchedulerOptions {
  /** Rows of one pass; a larger run goes alone. At least 1. Default: about where this device's throughput saturates. */
  readonly maxRowsPerPass?: number
  /** Runs that hold memory at once. At least 1. Default: as many as fit. */
  readonly maxActive?: number
  /** Runs that wait beyond them, being prepared or ready (then `queue/full`; 0: never queue). At least 0. Default: 1024. */
  readonly maxQueue?: number
  /** Longest a run may wait for its first pass (then `queue/timeout`). 0 to 2147483647. In milliseconds. Default: no limit. */
  readonly maxQueueMs?: number
  /** Who goes first within a priority: 'fair' shares rows between tags, 'fifo' in order, 'shortest-remaining' first. Default: fair. */
  readonly policy?: 'fifo' | 'fair' | 'shortest-remaining'
  /** Longest a ready run is held back to fill a pass. 0 to 1000. In milliseconds. Default: 0. */
  readonly batchWindowMs?: number
}

/**
 * What can be said about loading a model.
 */
export interface LoadOptions {
  /** What computes: 'auto' is the CPU, until the CUDA device has been verified on a GPU; 'cuda' and 'cuda:N' ask for one by name. Default: auto. */
  readonly device?: Device
  /** When the device asked for is not usable: an error, or the CPU with or without a warning. Default: 'warn' for 'auto', 'error' for a named device. */
  readonly onDeviceUnavailable?: 'error' | 'warn' | 'ignore'
  /** Type of the matrices: where the checkpoint has another, it is converted once into a file of the cache (DIMOO_CACHE). Default: the checkpoint's. */
  readonly weights?: 'bf16' | 'f16' | 'f32' | 'q8_0' | 'q6_k' | 'q5_k' | 'q4_k' | 'q4_0'
  /** 'fast': bf16 or int8 activations, by weight type; 'f32': the reference arithmetic. Default: fast. */
  readonly precision?: 'fast' | 'f32'
  /** 'reference' turns on the original's quirks: doubled row ends in `ask`, the generic prompt of `predict`, crops at a random offset, and an early stop of answers that looks at the prompt too and loses a token. Default: none. */
  readonly compat?: 'none' | 'reference'
  /** Budgets. */
  readonly memory?: MemoryOptions
  /** CPU threads; never changes a result. 1 to 1024. Default: as many as this process may use. */
  readonly threads?: number
  /** How runs share the device. */
  readonly scheduler?: SchedulerOptions
  /** 'sizes' reads headers only; 'full' reads every weight once and refuses non-finite ones. Default: sizes. */
  readonly verify?: 'sizes' | 'full'
  /** Aborts the loading, which then rejects with `signal.reason`. */
  readonly signal?: AbortSignal
  /** Phases: 'download' (`hf:...`), 'preview' and 'convert' (`weights`), 'open', 'upload' (to a device with memory of its own), 'verify' (`verify: 'full'`), 'read' once all is done. */
  readonly onProgress?: (progress: Progress) => void
  /** Where loading and warnings are told. */
  readonly logger?: Logger
}

/**
 * What a plan of memory is made for.
 */
export interface PlanOptions {
  /** What computes: 'auto' is the CPU, until the CUDA device has been verified on a GPU; 'cuda' and 'cuda:N' ask for one by name. Default: auto. */
  readonly device?: Device
  /** 'fast': bf16 or int8 activations, by weight type; 'f32': the reference arithmetic. Default: fast. */
  readonly precision?: 'fast' | 'f32'
  /** 'reference' turns on the original's quirks: doubled row ends in `ask`, the generic prompt of `predict`, crops at a random offset, and an early stop of answers that looks at the prompt too and loses a token. Default: none. */
  readonly compat?: 'none' | 'reference'
  /** Budgets. */
  readonly memory?: MemoryOptions
  /** CPU threads; never changes a result. 1 to 1024. Default: as many as this process may use. */
  readonly threads?: number
  /** How runs share the device. */
  readonly scheduler?: SchedulerOptions
  /** Aborts the reading. */
  readonly signal?: AbortSignal
}

/**
 * What can be said about a conversion.
 */
export interface ConvertOptions {
  /** Type of the blocks' matrices; norms stay f32. Default: bf16. */
  readonly type?: 'bf16' | 'f16' | 'f32' | 'q8_0' | 'q6_k' | 'q5_k' | 'q4_k' | 'q4_0'
  /** Type of the image tokenizer's weights. Default: 'f32'; with quantised types 'f16' for its decoder, 'f32' for its encoder and codebook. */
  readonly vqType?: 'f32' | 'f16'
  /** CPU threads; never changes a result. 1 to 1024. Default: as many as this process may use. */
  readonly threads?: number
  /** Aborts the work; nothing half-written stays. */
  readonly signal?: AbortSignal
  /** Told how far it is. */
  readonly onProgress?: (progress: Progress) => void
}

/**
 * What can be said about an export.
 */
export interface ExportOptions {
  /** Type of the transformer's tensors. Default: the file's own, f32 where it is quantised: every value is kept. */
  readonly type?: 'bf16' | 'f16' | 'f32'
  /** Aborts the work; nothing half-written stays. */
  readonly signal?: AbortSignal
  /** Told how far it is. */
  readonly onProgress?: (progress: Progress) => void
}

/**
 * How far a look at a checkpoint goes.
 */
export interface VerifyOptions {
  /** Compare every file with what the hub said of it, where that is known. Default: true. */
  readonly hashes?: boolean
  /** Read every weight once. Default: true. */
  readonly weights?: boolean
  /** Measure for five seconds how fast this machine multiplies. Default: true. */
  readonly speed?: boolean
  /** Aborts the reading. */
  readonly signal?: AbortSignal
  /** Phases: 'download' (`hf:...`), 'hash', 'verify'. */
  readonly onProgress?: (progress: Progress) => void
}

/**
 * What can be said about a random model.
 */
export interface SynthOptions {
  /** Type of the matrices. Default: bf16. */
  readonly type?: 'bf16' | 'f16' | 'f32' | 'q8_0' | 'q6_k' | 'q5_k' | 'q4_k' | 'q4_0'
  /** Same seed, same file. Default: 0. */
  readonly seed?: number | bigint | string
  /** 'llada': the transformer alone, as llama.cpp's text architecture. Default: dimoo. */
  readonly layout?: 'dimoo' | 'llada'
  /** Aborts the work; nothing half-written stays. */
  readonly signal?: AbortSignal
  /** Told how far it is. */
  readonly onProgress?: (progress: Progress) => void
}

/**
 * What can be said about an inspection.
 */
export interface InspectOptions {
  /** Read every weight once. Default: false. */
  readonly verify?: boolean
  /** Aborts the reading. */
  readonly signal?: AbortSignal
}
