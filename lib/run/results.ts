// What a finished run hands over: pictures or a text, with seeds, what was asked with every default filled in, and the bill. Own fields are
// plain data; what a class adds (`encode`, `toJSON`) stands on its prototype, which `structuredClone` drops.
import { toJson, type Json } from '../base/json.js'
import type { RawImage } from '../fields/values.js'
import { encodeImage, type EncodeOptions, type ImageFormat } from '../image/encode.js'
import type { NativeOutcome } from '../native/binding.js'
import { PARAMETERS_KEY, type ImageParameters } from '../parameters/parameters.js'

/** One picture of a result. */
export interface GeneratedImage {
  /** This picture's own seed, as decimal digits: the same request with it and n = 1 gives the same picture. */
  readonly seed: string
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
  /** The picture as a file, with its parameters in it (PNG: an iTXt chunk; WebP and JPEG: XMP). For a copy without its class: `encodeImage`. */
  encode(format: ImageFormat, options?: Pick<EncodeOptions, 'quality' | 'scale'>): Promise<Uint8Array>
}

/** Milliseconds. */
export interface Timings {
  /** Waiting for a slot. */
  readonly queuedMs: number
  /** Reading pictures and tokenising, before that. */
  readonly prefillMs: number
  /** Decoding steps. */
  readonly decodeMs: number
  /** The image tokenizer. */
  readonly vqMs: number
  /** All of it. */
  readonly totalMs: number
}

/** The bill: what was read, written and computed. */
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

/** What every result says. */
export interface ResultBase {
  /** Of the first picture, or of the answer: decimal digits. */
  readonly seed: string
  readonly timings: Timings
  readonly usage: Usage
  /** What the caller should know beside the result, one sentence each; mostly none. */
  readonly warnings: readonly string[]
}

/** Cells that were masked again in mid-run. */
export interface Remasked {
  /** Which of the pictures that are decoded together, and before which of its steps. */
  readonly image: number
  readonly step: number
  readonly cells: number
}

/** The first picture's fields stand on the result itself; with `bestOf` the best one's. */
export interface ImageResult extends ResultBase, GeneratedImage {
  readonly images: readonly GeneratedImage[]
  readonly remasked: readonly Remasked[]
}

/** 'stop': the model ended the text; 'length': every token that was reserved is used. */
export type FinishReason = 'stop' | 'length'

/** The result of a text task. */
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

type PictureData = Omit<GeneratedImage, 'encode'>

/** A picture with its parameters ready to be written into files. */
export class Picture implements GeneratedImage {
  readonly seed: string
  readonly image: RawImage
  readonly tokens: Int32Array
  declare readonly score?: number // no entry of its own where there is none
  readonly parameters: ImageParameters

  constructor({ seed, image, tokens, score, parameters }: PictureData) {
    this.seed = seed
    this.image = image
    this.tokens = tokens
    if (score !== undefined) Object.assign(this, { score })
    this.parameters = parameters
  }

  encode(format: ImageFormat, options?: Pick<EncodeOptions, 'quality' | 'scale'>): Promise<Uint8Array> {
    return encodeImage(this.image, format, { ...options, metadata: { [PARAMETERS_KEY]: JSON.stringify(this.parameters) } })
  }

  toJSON(): Json {
    return toJson(this)
  }
}

type ImageResultData = Pick<ImageResult, 'timings' | 'usage' | 'warnings' | 'remasked'> & { readonly images: readonly PictureData[] }

/** Made from plain data, also from data that has travelled. */
export class Pictures extends Picture implements ImageResult {
  readonly images: readonly GeneratedImage[]
  readonly timings: Timings
  readonly usage: Usage
  readonly warnings: readonly string[]
  readonly remasked: readonly Remasked[]

  constructor({ images, timings, usage, warnings, remasked }: ImageResultData) {
    super(images[0]!)
    this.images = images.map((image) => new Picture(image))
    this.timings = timings
    this.usage = usage
    this.warnings = warnings
    this.remasked = remasked
  }
}
