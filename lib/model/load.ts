// From a source to a model: options checked once, device chosen, weights mapped by the addon, tokenizer built.
import { performance } from 'node:perf_hooks'
import { fromNative } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { binding, type NativeLoadOptions, type NativeModel } from '../native/binding.js'
import { readInfo } from '../native/info.js'
import { settle, toProgress } from '../native/job.js'
import { TextCoder } from '../prompt/text.js'
import { emit } from '../run/diagnostics.js'
import { resolveDevice } from './devices.js'
import { DimooModel } from './model.js'
import { LOAD_FIELDS } from './options.js'
import { embeddedModel, findSource, type ModelSource } from './source.js'
import type { LoadOptions } from './types.js'
import { inType } from './weights.js'

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
  const given = await findSource(source, { signal, onProgress: options.onProgress, warn })
  const path = options.weights === undefined ? given : await inType(given, options.weights, options)
  const device = await resolveDevice({
    device: options.device ?? 'auto',
    onDeviceUnavailable: options.onDeviceUnavailable,
    warn,
  })
  const native = await settle(() => binding().load(JSON.stringify(toNative(path, device, options)), toProgress(options.onProgress)), signal)
  const model = await wrap(native, given === embeddedModel, options)
  const ms = performance.now() - start
  emit('dimoo:model:load', { source: path, device, ms })
  logger?.info({ source: path, device, ms }, 'model loaded')
  return model
}

function toNative(source: string, device: string, options: LoadOptions): NativeLoadOptions {
  const { precision = 'fast', threads = 0, verify = 'sizes' } = options
  // Who may come in and how long they may wait is this side's (admission.ts): the addon takes whoever comes.
  const scheduler = { ...options.scheduler, maxQueue: Number.MAX_SAFE_INTEGER, maxQueueMs: undefined }
  return { source, device, precision, threads, verify, ...options.memory, ...scheduler }
}

// A model whose tokenizer is no good must not stay open.
async function wrap(native: NativeModel, embedded: boolean, { compat = 'none', scheduler }: LoadOptions): Promise<DimooModel> {
  try {
    const info = readInfo(native, { embedded, compat })
    const json = native.tokenizerJson()
    return new DimooModel(native, info, json === '' ? undefined : new TextCoder(json), scheduler)
  } catch (error) {
    await native.close().promise
    throw fromNative(error)
  }
}
