// One decoding step of a picture as the reader sees it. Everything in it is a copy and stays valid; a picture of it is made on demand.
import type { NativeModel, NativeStep } from '../native/binding.js'
import { encodeImage, type ImageFormat } from '../image/encode.js'
import { drawMasked } from '../image/masked.js'
import { drawDraft } from '../image/preview.js'
import type { RawImage } from '../image/raw.js'
import { settle } from '../native/job.js'
import { regionCells } from '../image/region.js'
import type { Rect } from '../requests/pictures.js'
import { PREVIEW_FIELDS, type PreviewOptions, type StepPreviews } from './options.js'
import type { Remask } from './parts.js'
import type { StepBase } from './step-base.js'
import * as validate from '../fields/validate.js'

/** The grid of image tokens. */
export interface Grid {
  readonly rows: number
  readonly columns: number
}

/** The state of one picture after a step. */
export interface ImageStep extends StepBase {
  readonly kind: 'image'
  /** Which of the pictures that are decoded together. */
  readonly index: number
  readonly grid: Grid
  /** Codebook ids on the grid, row by row; -1: still masked. */
  readonly tokens: Int32Array
  /** Cells fixed since the step that the reader last saw, and how sure the model was of each (0 to 1). */
  readonly changed: Uint32Array
  readonly confidence: Float32Array
  /** Present when `previews` asked for one at this step. */
  readonly preview?: RawImage | Uint8Array
  /** Draws this step: quality 'full' unless said. Rejects with `disposed` once the model is closed. */
  decode(options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(options: PreviewOptions): Promise<RawImage | Uint8Array>
  /**
   * Masks a region of this picture again from the next step on: rectangles in pixels (rounded outwards to cells), a mask of the
   * picture's size (white is masked), or cells by number. They are decoded in the steps that are left. Throws `request/invalid` for a region outside the picture,
   * an empty one, and after the last step.
   */
  remask(region: Rect | readonly Rect[] | RawImage | Uint32Array): void
}

/** What a step needs of its model. */
export interface StepModel {
  /** Throws `disposed` once closed. */
  readonly native: () => NativeModel
  /** (codebook, 4, 4, 3) bytes, asked for once a model. */
  readonly previewTable: () => Promise<Uint8Array>
  /** Pixels per cell side. */
  readonly scale: number
}

/** The step, with its preview if one is due. */
export async function withPreview(step: DecodedStep, previews: StepPreviews): Promise<DecodedStep> {
  const { every = 1, ...options } = previews
  // Steps that were merged into this one count.
  const due = Math.floor((step.step + 1) / every) > Math.floor((step.step - step.skipped) / every) || step.step + 1 === step.steps
  if (due) step.preview = await step.decode({ quality: 'draft', ...options })
  return step
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
  preview?: RawImage | Uint8Array
  readonly #guess: Int32Array
  readonly #model: StepModel
  readonly #remask: Remask

  constructor(native: NativeStep, grid: Grid, model: StepModel, remask: Remask) {
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
    this.#remask = remask
  }

  decode(options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(options: PreviewOptions): Promise<RawImage | Uint8Array>
  async decode(options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    validate.checkOptions('decode', options, PREVIEW_FIELDS)
    const { quality = 'full', masked = 'held', format = 'raw' } = options
    const guess = quality === 'full' ? await this.#full() : await this.#draft()
    const image = await drawMasked(guess, this.tokens, this.#guess, this.grid, masked)
    return format === 'raw' ? image : encodeImage(image, format)
  }

  remask(region: Rect | readonly Rect[] | RawImage | Uint32Array): void {
    const { scale } = this.#model
    const size = { width: this.grid.columns * scale, height: this.grid.rows * scale }
    this.#remask(this.index, regionCells('remask', region, this.grid, size))
  }

  async #full(): Promise<RawImage> {
    const { rows, columns } = this.grid
    const { scale, native } = this.#model
    // A cell without a guess is drawn grey afterwards; its code does not matter.
    const codes = this.#guess.map((code) => Math.max(code, 0))
    const data = await settle(() => native().decodeVq(codes, rows, columns))
    return { data, width: columns * scale, height: rows * scale, channels: 3 }
  }

  async #draft(): Promise<RawImage> {
    this.#model.native() // throws once closed
    return drawDraft(await this.#model.previewTable(), this.#guess, this.grid.rows, this.grid.columns)
  }
}
