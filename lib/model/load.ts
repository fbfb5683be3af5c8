// From a source to a model: options checked once, device chosen, weights mapped by the addon, tokenizer built.
import { performance } from 'node:perf_hooks'
import { checkOptions } from '../fields/check.js'
import { emit } from '../run/diagnostics.js'
import { resolveDevice } from './devices.js'
import { DimooModel } from './model.js'
import { openModel } from './opened.js'
import { LOAD_FIELDS } from './options.js'
import { findSource, type ModelSource } from './source.js'
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
  const { native, info, text } = await openModel({ path, given, device, use: 'runs' }, options, { signal, onProgress: options.onProgress })
  const model = new DimooModel(native, info, text, options.scheduler)
  const ms = performance.now() - start
  emit('dimoo:model:load', { source: path, device, ms })
  logger?.info({ source: path, device, ms }, 'model loaded')
  return model
}
