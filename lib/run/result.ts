// What a finished run hands over: pictures or a text, with seeds, what was asked with every default filled in, and the bill.
import type { NativeOutcome } from '../native/binding.js'
import { encodeImage, type EncodeOptions, type ImageFormat } from '../image/encode.js'
import { PARAMETERS_KEY, type ImageParameters } from '../parameters/parameters.js'
import type { RawImage } from '../image/raw.js'

export interface GeneratedImage {
  /** This picture's own seed: the same request with it and n = 1 gives the same picture. */
  readonly seed: bigint
  readonly image: RawImage
  /** Codebook ids, row by row. */
  readonly tokens: Int32Array
  /**
   * With `bestOf`: how sure the model is that the picture shows the prompt, 0 to 1; compare it with scores of the same model only.
   * P(yes) / (P(yes) + P(no)) to the question whether it does, unless the checkpoint's `judge` (`info.defaults`) names another way:
   * the mean probability of an answer of its own, or (`by: 'redraw'`) the share of the cells which, hidden, it draws again as they were.
   */
  readonly score?: number
  /** What was asked, every default filled in; where no picture was given, enough to repeat this one. */
  readonly parameters: ImageParameters
  /** The picture as a file, with its parameters in it (PNG: an iTXt chunk; WebP and JPEG: XMP). */
  encode(format: ImageFormat, options?: Pick<EncodeOptions, 'quality'>): Promise<Uint8Array>
}

export interface Timings {
  /** Milliseconds: waiting for a slot; reading pictures and tokenising before that; decoding steps; the image tokenizer; all of it. */
  readonly queuedMs: number
  readonly prefillMs: number
  readonly decodeMs: number
  readonly vqMs: number
  readonly totalMs: number
}

export interface Usage {
  /** Tokens before the target in the conditional branch, template and given pictures included. */
  readonly inputTokens: number
  /** Image tokens that were masked at the start, or tokens of the answer. */
  readonly outputTokens: number
  readonly steps: number
  readonly forwardPasses: number
  /** Rows that entered the first layer, summed over passes and branches. */
  readonly forwardTokens: number
}

export interface ResultBase {
  /** Of the first picture, or of the answer. */
  readonly seed: bigint
  readonly timings: Timings
  readonly usage: Usage
}

/** The first picture's fields stand on the result itself; with `bestOf` the best one's. */
export interface ImageResult extends ResultBase, GeneratedImage {
  readonly images: readonly GeneratedImage[]
  /** What `step.remask` did: cells masked again before that step of that picture (its place among those decoded together). */
  readonly remasked: readonly { readonly image: number; readonly step: number; readonly cells: number }[]
}

/** 'stop': the model ended the text; 'length': every token that was reserved is used. */
export type FinishReason = 'stop' | 'length'

export interface TextResult extends ResultBase {
  readonly text: string
  readonly finishReason: FinishReason
}

export function toTimings({ queuedMs, decodeMs, vqMs, totalMs }: NativeOutcome, prefillMs: number): Timings {
  return { queuedMs, prefillMs, decodeMs, vqMs, totalMs: totalMs + prefillMs }
}

export function toUsage(outcome: NativeOutcome, inputTokens: number, outputTokens: number): Usage {
  const { steps, forwardPasses, forwardTokens } = outcome
  return { inputTokens, outputTokens, steps, forwardPasses, forwardTokens }
}

/** A picture with its parameters ready to be written into files. */
export function toGenerated(
  found: Pick<GeneratedImage, 'seed' | 'image' | 'tokens' | 'parameters'> & { readonly score?: number | undefined },
): GeneratedImage {
  const { score, ...rest } = found
  const metadata = { [PARAMETERS_KEY]: JSON.stringify(found.parameters) }
  const encode: GeneratedImage['encode'] = (format, options) => encodeImage(found.image, format, { ...options, metadata })
  return { ...rest, ...(score !== undefined && { score }), encode }
}
