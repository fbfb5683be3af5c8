// A decoding step of a picture with its comfort: own fields are plain data, drawing and remasking stand on the prototype.
import { toJson, type Json } from '../base/json.js'
import { regionAtHand } from '../fields/region.js'
import type { MaskInput, RawImage } from '../fields/values.js'
import type { ImageFormat } from '../image/encode.js'
import { regionCells, type Grid, type Region } from '../image/region.js'
import type { NativeStep } from '../native/binding.js'
import type { PreviewOptions, StepPreviews } from '../requests/types/index.js'
import type { Remask } from './parts.js'
import type { ImageStep } from './steps.js'

/** What a step's comfort needs of its run. */
export interface StepTools {
  readonly draw: (step: ImageStep, options: PreviewOptions) => Promise<RawImage | Uint8Array>
  readonly remask: Remask
  /** Pixels per cell side. */
  readonly scale: number
}

/** The step, with its preview if one is due. */
export async function withPreview(step: DecodedStep, previews: StepPreviews, { draw }: StepTools): Promise<DecodedStep> {
  const { every = 1, ...options } = previews
  // Steps that were merged into this one count.
  const due = Math.floor((step.step + 1) / every) > Math.floor((step.step - step.skipped) / every) || step.step + 1 === step.steps
  if (due) step.preview = await draw(step, { quality: 'draft', ...options })
  return step
}

export class DecodedStep implements ImageStep {
  readonly kind = 'image'
  readonly image: number
  readonly step: number
  readonly steps: number
  readonly skipped: number
  readonly masked: number
  readonly elapsedMs: number
  readonly pass: 'full' | 'cached' | 'text'
  readonly rows: number
  readonly grid: Grid
  readonly tokens: Int32Array
  readonly guess: Int32Array
  readonly changed: Uint32Array
  readonly confidence: Float32Array
  declare preview?: RawImage | Uint8Array // no entry of its own where there is none
  readonly #tools: StepTools

  constructor(native: NativeStep, grid: Grid, tools: StepTools) {
    this.image = native.image
    this.step = native.step
    this.steps = native.steps
    this.skipped = native.skipped
    this.masked = native.masked
    this.elapsedMs = native.elapsedMs
    this.pass = native.pass
    this.rows = native.rows
    this.grid = grid
    this.tokens = native.tokens
    this.guess = native.guess
    this.changed = native.changed
    this.confidence = native.confidence
    this.#tools = tools
  }

  decode(options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(options?: PreviewOptions): Promise<RawImage | Uint8Array>
  async decode(options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    return this.#tools.draw(this, options)
  }

  remask(region: MaskInput): void {
    const { scale, remask } = this.#tools
    const size = { width: this.grid.width * scale, height: this.grid.height * scale }
    remask(this.image, regionCells('remask', regionAtHand(region) as Region, this.grid, size))
  }

  toJSON(): Json {
    return toJson(this)
  }
}
