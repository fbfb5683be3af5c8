// A result as JSON. Pixels and codes of pictures are left out unless they are asked for: a picture has an address of its own.
import { toJson, type Json } from '../../base/json.js'
import type { TaskName } from '../../requests/names.js'
import type { ImageResult, TextResult } from '../../run/results.js'
import { messageToJson } from '../../wire/messages.js'

export interface ResultForm {
  /** Everything, as it travels (docs/wire.md). */
  readonly whole: boolean
}

export function resultJson(
  run: { readonly id: string; readonly task: TaskName },
  result: ImageResult | TextResult,
  { whole }: ResultForm,
): Json {
  if (whole || !('images' in result)) return (messageToJson({ kind: 'result', task: run.task, result }) as { result: Json }).result
  const { seed, timings, usage, warnings, remasked } = result
  const images = result.images.map(({ seed: own, score, parameters, image }, i) => ({
    seed: own,
    width: image.width,
    height: image.height,
    ...(score !== undefined && { score }),
    parameters,
    url: `/v1/runs/${encodeURIComponent(run.id)}/images/${i}`,
  }))
  return toJson({ seed, images, timings, usage, warnings, remasked: remasked })
}
