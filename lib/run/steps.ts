// What a reader sees of every decoding step: plain data, own fields only, so that it can be cloned, sent and written as JSON.
import type { Grid } from '../image/region.js'
import type { ImageFormat } from '../image/encode.js'
import type { MaskInput, RawImage } from '../fields/values.js'
import type { PreviewOptions } from '../requests/types/index.js'

/** Whatever is decoded. */
export interface StepBase {
  /** The step that was just done, from 0; `steps` is how many there are. */
  readonly step: number
  readonly steps: number
  /** Steps that the reader has not seen since its last one, as it was slow or they were forgotten (0: none). */
  readonly skipped: number
  /** Cells or tokens that are still masked. */
  readonly masked: number
  /** Milliseconds since the run started. */
  readonly elapsedMs: number
  /** How this step was computed. */
  readonly pass: 'full' | 'cached' | 'text'
  /** Rows (positions of branches) computed for this picture or answer in this pass. */
  readonly rows: number
}

/** The state of one picture after a step. `Preview`: what `previews` asked for. */
export interface ImageStep<Preview = RawImage | Uint8Array> extends StepBase {
  readonly kind: 'image'
  /** Which of the pictures that are decoded together, from 0. */
  readonly image: number
  /** In cells. */
  readonly grid: Grid
  /** Codebook ids on the grid, row by row; -1: still masked. */
  readonly tokens: Int32Array
  /** The same, with the model's present guess where a cell is masked (-1: none yet). */
  readonly guess: Int32Array
  /** Cells fixed since the step that the reader last saw, and how sure the model was of each (0 to 1; 0 where that step was forgotten). */
  readonly changed: Uint32Array
  readonly confidence: Float32Array
  /** Present when `previews` asked for one at this step. */
  readonly preview?: Preview
  /** Draws this step: quality 'full' unless said. Rejects with `disposed` once the model is closed. The same as `run.decode(step)`. */
  decode(options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(options?: PreviewOptions): Promise<RawImage | Uint8Array>
  /**
   * Masks a region of this picture again from the next step on: rectangles in pixels (rounded outwards to cells), a mask of the
   * picture's size (white is masked), or cells by number. They are decoded in the steps that are left.
   *
   * @throws `request/invalid` for a region outside the picture, an empty one, a file (`run.remask` reads those), and after the last step.
   */
  remask(region: MaskInput): void
}

/** The state of an answer after a step. */
export interface TextStep extends StepBase {
  readonly kind: 'text'
  /** The block of this step, from 0, of `blocks`. */
  readonly block: number
  readonly blocks: number
  /** The whole text so far; a masked token is one U+2591. Ends before the first end token. */
  readonly text: string
  /** The beginning of the text that is final; it only grows. */
  readonly settled: string
  /** What `settled` has grown by since the step that the reader last saw. */
  readonly delta: string
}
