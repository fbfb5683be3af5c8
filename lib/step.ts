// One decoding step as the reader sees it. Everything in it is a copy and stays valid; a picture of it is made on demand.
import type { NativeModel, NativeStep } from './binding.js'
import { encodeImage, type ImageFormat } from './image/encode.js'
import { drawMasked, type MaskedCells } from './image/masked.js'
import type { RawImage } from './image/raw.js'
import { settle } from './job.js'
import * as validate from './validate.js'

/** The grid of image tokens. */
export interface Grid {
  readonly rows: number
  readonly columns: number
}

export interface StepDecodeOptions {
  /** How cells that are still masked look. Default 'held': the model's present guess. */
  readonly masked?: MaskedCells
  /** Default 'raw'. */
  readonly format?: 'raw' | ImageFormat
}

const DECODE_FIELDS = {
  masked: validate.oneOf(['held', 'blurred', 'grey']),
  format: validate.oneOf(['raw', 'png', 'jpeg', 'webp']),
} satisfies validate.Fields

/** The state of one picture after a step. */
export interface ImageStep {
  readonly kind: 'image'
  /** Which of the request's n pictures. */
  readonly index: number
  /** The step that was just done, from 0; `steps` is how many there are. */
  readonly step: number
  readonly steps: number
  /** Steps merged into this one because the reader was slow (0: none). */
  readonly skipped: number
  /** Cells that are still masked. */
  readonly masked: number
  /** Milliseconds since the run started. */
  readonly elapsedMs: number
  /** How this step was computed. */
  readonly pass: 'full' | 'cached' | 'text'
  /** Rows computed for this run in this pass. */
  readonly rows: number
  readonly grid: Grid
  /** Codebook ids on the grid, row by row; -1: still masked. */
  readonly tokens: Int32Array
  /** Cells fixed since the step that the reader last saw, and how sure the model was of each (0 to 1). */
  readonly changed: Uint32Array
  readonly confidence: Float32Array
  /** Decodes this step to a picture. Rejects with `disposed` once the model is closed. */
  decode(options?: StepDecodeOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: StepDecodeOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
}

/** What a step needs of its model. */
export interface StepModel {
  /** Throws `disposed` once closed. */
  readonly native: () => NativeModel
  /** Pixels per cell side. */
  readonly scale: number
}

export class DecodedStep implements ImageStep {
  readonly kind = 'image'
  readonly index: number
  readonly step: number
  readonly steps: number
  readonly skipped: number
  readonly masked: number
  readonly elapsedMs: number
  readonly pass: 'full' | 'cached' | 'text'
  readonly rows: number
  readonly grid: Grid
  readonly tokens: Int32Array
  readonly changed: Uint32Array
  readonly confidence: Float32Array
  readonly #guess: Int32Array
  readonly #model: StepModel

  constructor(native: NativeStep, grid: Grid, model: StepModel) {
    this.index = native.image
    this.step = native.step
    this.steps = native.steps
    this.skipped = native.skipped
    this.masked = native.masked
    this.elapsedMs = native.elapsedMs
    this.pass = native.pass
    this.rows = native.rows
    this.grid = grid
    this.tokens = native.tokens
    this.changed = native.changed
    this.confidence = native.confidence
    this.#guess = native.guess
    this.#model = model
  }

  decode(options?: StepDecodeOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: StepDecodeOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  async decode(options: StepDecodeOptions = {}): Promise<RawImage | Uint8Array> {
    validate.checkOptions('decode', options, DECODE_FIELDS)
    const { rows, columns } = this.grid
    const { scale, native } = this.#model
    const data = await settle(() => native().decodeVq(this.#guess, rows, columns))
    const guess: RawImage = { data, width: columns * scale, height: rows * scale, channels: 3 }
    const image = await drawMasked(guess, this.tokens, this.grid, options.masked ?? 'held')
    const { format = 'raw' } = options
    return format === 'raw' ? image : encodeImage(image, format)
  }
}
