// From a source to a model: options checked once, device chosen, weights mapped by the addon, tokenizer built.
import { performance } from 'node:perf_hooks'
import { fromNative } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { binding, type NativeLoadOptions, type NativeModel } from '../native/binding.js'
import { readInfo, type Device, type Precision } from '../native/info.js'
import type { Progress } from '../base/progress.js'
import { settle, toProgress } from '../native/job.js'
import { TextCoder } from '../prompt/text.js'
import { emit } from '../run/diagnostics.js'
import { resolveDevice, type MemoryOptions } from './devices.js'
import { DimooModel } from './model.js'
import { LOAD_FIELDS } from './options.js'
import { embeddedModel, findSource, type ModelSource } from './source.js'

export interface Logger {
  debug(details: object, message?: string): void
  info(details: object, message?: string): void
  warn(details: object, message?: string): void
  error(details: object, message?: string): void
}

export interface SchedulerOptions {
  /** Rows of one pass. Default: about where this device's throughput saturates. A larger run goes alone. */
  readonly maxRowsPerPass?: number
  /** Runs that hold memory at once. */
  readonly maxActive?: number
  /** Runs that wait beyond them, being prepared or ready (then `queue/full`; 0: never queue). */
  readonly maxQueue?: number
  /** Longest a run may wait for its first pass, in milliseconds (then `queue/timeout`). Default: no limit. */
  readonly maxQueueMs?: number
  /** Who goes first within a priority: 'fair' (default) shares rows between tags, 'fifo' in order, 'shortest-remaining' first. */
  readonly policy?: 'fifo' | 'fair' | 'shortest-remaining'
  /** Longest a ready run is held back to fill a pass, in milliseconds, 0 to 1000. Default 0. */
  readonly batchWindowMs?: number
}

export interface LoadOptions {
  /** Default 'auto': the CPU, until the CUDA device has been verified on a GPU; 'cuda' and 'cuda:N' ask for one by name. */
  readonly device?: Device
  /** When the device asked for is not usable. Default: 'warn' for 'auto' (and use the CPU), 'error' for a named device. */
  readonly onDeviceUnavailable?: 'error' | 'warn' | 'ignore'
  /** 'fast' (default): bf16 or int8 activations, by weight type. 'f32': the reference arithmetic. */
  readonly precision?: Precision
  /**
   * 'reference' turns on the original's quirks: doubled row ends in `ask`, the generic prompt of `predict`, crops at a random offset, and
   * an early stop of answers that looks at the prompt too and loses a token. Default 'none'.
   */
  readonly compat?: 'none' | 'reference'
  readonly memory?: MemoryOptions
  /** CPU threads, at least 1. Default: as many as this process may use. Never changes a result. */
  readonly threads?: number
  readonly scheduler?: SchedulerOptions
  /** 'sizes' (default) reads headers only; 'full' reads every weight once and refuses non-finite ones. */
  readonly verify?: 'sizes' | 'full'
  readonly signal?: AbortSignal
  /** Phases: 'download' (`hf:...`), 'open', 'upload' (to a device with memory of its own), 'verify' (`verify: 'full'`), 'read' once all is done. */
  readonly onProgress?: (progress: Progress) => void
  readonly logger?: Logger
}

/**
 * Loads a model; without a source, the miniature that comes with the package.
 *
 * @throws `hub/*` for what cannot be fetched, `model/*` for what is no good model, `device/unavailable`, `device/out-of-memory` (the device's own copy of the weights does not
 * fit; on a CPU they are mapped), `request/invalid` for options, `binding/*` where no addon loads, and `signal.reason` when aborted.
 * @example
 * const model = await loadModel('lumina.gguf', { threads: 8 })
 */
export async function loadModel(source?: ModelSource, options: LoadOptions = {}): Promise<DimooModel> {
  checkOptions('loadModel', options, { fields: LOAD_FIELDS })
  const { signal, logger } = options
  signal?.throwIfAborted()
  const start = performance.now()
  const warn = logger && ((details: object, message: string): void => logger.warn(details, message))
  const path = await findSource(source, { signal, onProgress: options.onProgress, warn })
  const device = await resolveDevice({
    device: options.device ?? 'auto',
    onDeviceUnavailable: options.onDeviceUnavailable,
    warn,
  })
  const native = await settle(() => binding().load(JSON.stringify(toNative(path, device, options)), toProgress(options.onProgress)), signal)
  const model = await wrap(native, path === embeddedModel, options)
  const ms = performance.now() - start
  emit('dimoo:model:load', { source: path, device, ms })
  logger?.info({ source: path, device, ms }, 'model loaded')
  return model
}

function toNative(source: string, device: string, options: LoadOptions): NativeLoadOptions {
  const { precision = 'fast', threads = 0, verify = 'sizes' } = options
  // The longest wait is kept on this side of the addon.
  const scheduler = { ...options.scheduler, maxQueueMs: undefined }
  return { source, device, precision, threads, verify, ...options.memory, ...scheduler }
}

// A model whose tokenizer is no good must not stay open.
async function wrap(native: NativeModel, embedded: boolean, { compat = 'none', scheduler }: LoadOptions): Promise<DimooModel> {
  try {
    const info = readInfo(native, { embedded, compat })
    const json = native.tokenizerJson()
    return new DimooModel(native, info, json === '' ? undefined : new TextCoder(json), scheduler?.maxQueueMs)
  } catch (error) {
    await native.close().promise
    throw fromNative(error)
  }
}
