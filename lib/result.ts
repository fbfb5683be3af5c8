// What a finished run hands over: pictures, their codes and seeds, what was asked with every default filled in, and the bill.
import type { NativeOutcome } from './binding.js'
import { encodeImage, type EncodeOptions, type ImageFormat } from './image/encode.js'
import { PARAMETERS_KEY, toParameters, type ImageParameters, type ParameterContext } from './image/parameters.js'
import type { RawImage } from './image/raw.js'
import { imageSeeds, type ResolvedImageRequest } from './request.js'

export interface GeneratedImage {
  /** This picture's own seed: the same request with it and n = 1 gives the same picture. */
  readonly seed: bigint
  readonly image: RawImage
  /** Codebook ids, row by row. */
  readonly tokens: Int32Array
  /** Everything needed to repeat this picture. */
  readonly parameters: ImageParameters
  /** The picture as a file, with its parameters in it (PNG: an iTXt chunk; WebP and JPEG: XMP). */
  encode(format: ImageFormat, options?: Pick<EncodeOptions, 'quality'>): Promise<Uint8Array>
}

export interface Timings {
  /** Milliseconds: waiting for a slot, decoding steps, the image tokenizer, and all of it. */
  readonly queuedMs: number
  readonly decodeMs: number
  readonly vqMs: number
  readonly totalMs: number
}

export interface Usage {
  /** Tokens of the prompt's string, template included, and image tokens made. */
  readonly inputTokens: number
  readonly outputTokens: number
  readonly steps: number
  readonly forwardPasses: number
  /** Rows that entered the first layer, summed over passes and branches. */
  readonly forwardTokens: number
}

/** The first picture's fields stand on the result itself. */
export interface ImageResult extends GeneratedImage {
  readonly images: readonly GeneratedImage[]
  readonly timings: Timings
  readonly usage: Usage
}

interface ResultContext extends ParameterContext {
  readonly request: ResolvedImageRequest
  readonly promptTokens: number
}

export function toImageResult(outcome: NativeOutcome, context: ResultContext): ImageResult {
  const { request } = context
  const seeds = imageSeeds(request)
  const images = outcome.images.map((native, i): GeneratedImage => {
    const image: RawImage = { data: native.pixels, width: native.width, height: native.height, channels: 3 }
    const parameters = toParameters(request, seeds[i]!, context)
    const encode: GeneratedImage['encode'] = (format, options) =>
      encodeImage(image, format, { ...options, metadata: { [PARAMETERS_KEY]: JSON.stringify(parameters) } })
    return { seed: seeds[i]!, image, tokens: native.tokens, parameters, encode }
  })
  const { queuedMs, decodeMs, vqMs, totalMs, steps, forwardPasses, forwardTokens } = outcome
  const outputTokens = request.n * request.rows * request.columns
  return {
    ...images[0]!,
    images,
    timings: { queuedMs, decodeMs, vqMs, totalMs },
    usage: { inputTokens: context.promptTokens, outputTokens, steps, forwardPasses, forwardTokens },
  }
}
