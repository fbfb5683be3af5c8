// `--like out.png`: the request that made a picture, from the parameters inside it.
import { invalid } from '../base/errors.js'
import type { ImageParameters } from '../parameters/parameters.js'
import { readParameters } from '../image/read.js'
import type { ModelInfo } from '../native/info.js'
import type { TextToImageRequest } from '../requests/text-to-image.js'

export async function likeOf(file: string): Promise<ImageParameters> {
  const found = await readParameters(file)
  if (!found) throw invalid(`--like: expected a picture with parameters of lumina-dimoo, got ${file} without`)
  // Of other tasks the given pictures are missing.
  if (found.task !== 'text-to-image') throw invalid(`--like: expected a picture made from a text, got one made by ${found.task}`)
  return found
}

export function toRequest(like: ImageParameters): TextToImageRequest {
  const { prompt, width, height, steps, guidance, guidanceFloor = 0, temperature, schedule, seed } = like
  const shares = schedule
  return {
    prompt,
    width,
    height,
    steps,
    guidance: { text: guidance, floor: guidanceFloor },
    temperature,
    seed: BigInt(seed),
    schedule: typeof shares === 'string' ? shares : (progress) => shares[Math.round(progress * shares.length) - 1] ?? 0,
  }
}

/** A sentence where the picture cannot come out the same. */
export function difference(like: ImageParameters, info: ModelInfo): string | undefined {
  if (like.model.sha256 === info.sha256) return undefined
  return `the picture was made by model ${like.model.name} (${like.model.weights}), this is another: ${info.name} (${info.weights})`
}
