// What a request would need, before anything of it is computed: laid out as ever, but its pictures get empty codes, as only their number counts.
import { DimooError } from '../base/errors.js'
import type { NativeModel } from '../native/binding.js'
import type { MemoryPlan } from '../native/info.js'
import type { Resolved } from '../requests/index.js'
import type { RunOptions } from '../requests/types.js'
import type { EngineRequest, TaskModel } from './engine-request.js'
import { layOut } from './index.js'

/** The memory that the run would be started with. */
export async function planOf(resolved: Resolved, options: RunOptions, model: TaskModel, signal: AbortSignal): Promise<MemoryPlan> {
  const { native } = await layOut(resolved, options, { ...model, native: () => withoutEncoder(model) }, signal)
  return JSON.parse(model.native().plan(native)) as MemoryPlan
}

/** As `layOut` for a request with pictures, which take long to encode: throws `device/out-of-memory` before that for a run that cannot fit. */
export async function layOutPlanned(
  resolved: Resolved,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<EngineRequest> {
  const reading: TaskModel = { ...model, given: new Map() }
  const { fits, totalBytes: requiredBytes, availableBytes } = await planOf(resolved, options, reading, signal)
  if (fits) return layOut(resolved, options, reading, signal)
  const message = `${resolved.task} needs ${requiredBytes} bytes, ${model.info.device.id} has ${availableBytes}`
  throw new DimooError('device/out-of-memory', message, { details: { requiredBytes, availableBytes } })
}

function withoutEncoder({ info: { scale } }: TaskModel): NativeModel {
  const encodeVq: NativeModel['encodeVq'] = (_, width, height) => ({
    promise: Promise.resolve(new Int32Array((width / scale) * (height / scale))),
    cancel: () => undefined,
  })
  return { encodeVq } as NativeModel
}
