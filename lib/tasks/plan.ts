// What a request would need, before anything of it is computed: laid out as ever, but its pictures get empty codes, as only their number counts.
import type { NativeModel, NativeRequest } from '../native/binding.js'
import type { Resolved } from '../requests/index.js'
import type { RunOptions } from '../requests/types/index.js'
import type { EngineRequest, TaskModel } from './engine-request.js'
import { layOut } from './index.js'

/** As `layOut` for a request with pictures, which take long to encode: throws `device/out-of-memory` before that for a run that cannot fit. */
export async function layOutPlanned(
  resolved: Resolved,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<EngineRequest> {
  const reading: TaskModel = { ...model, given: new Map() }
  model.native().checkFits(await layOutOnPaper(resolved, reading, signal))
  return layOut(resolved, options, reading, signal)
}

/** The engine's request as it would be run, but that codes of pictures are zeros. */
export async function layOutOnPaper(resolved: Resolved, model: TaskModel, signal: AbortSignal): Promise<NativeRequest> {
  return (await layOut(resolved, {}, { ...model, native: () => withoutEncoder(model) }, signal)).native
}

function withoutEncoder({ info: { scale } }: TaskModel): NativeModel {
  const encodeVq: NativeModel['encodeVq'] = (_, width, height) => ({
    promise: Promise.resolve(new Int32Array((width / scale) * (height / scale))),
    cancel: () => undefined,
  })
  return { encodeVq } as NativeModel
}
