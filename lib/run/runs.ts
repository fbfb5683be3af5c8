// The two kinds of run: what can be done to pictures in the making, and to a text.
import { invalid } from '../base/errors.js'
import { checkField } from '../fields/check.js'
import { integer, region as regionField } from '../fields/field.js'
import type { MaskInput, RawImage } from '../fields/values.js'
import type { ImageFormat } from '../image/encode.js'
import { readRegion } from '../image/read.js'
import { regionCellsSlowly } from '../image/region.js'
import type { PreviewOptions } from '../requests/types/index.js'
import { DecodingRun } from './decoding-run.js'
import type { RunParts } from './parts.js'
import type { ImageResult, TextResult } from './results.js'
import type { ImageStep, TextStep } from './steps.js'
import { textStream } from './text-stream.js'
import type { ImageRun, StepData, TextRun } from './types.js'

const REGION = regionField({ summary: 'What is masked again.' })
const IMAGE = integer(0, 63, { summary: 'Which picture.' })

/** Draws a step. */
export type Draw = (step: StepData, options: PreviewOptions) => Promise<RawImage | Uint8Array>

export class ImageDecodingRun extends DecodingRun<ImageStep, ImageResult> implements ImageRun {
  readonly #draw: Draw

  constructor(parts: RunParts<ImageStep, ImageResult>, draw: Draw) {
    super(parts)
    this.#draw = draw
  }

  async remask(region: MaskInput, { image = 0 }: { readonly image?: number } = {}): Promise<void> {
    checkField('remask', 'region', region, REGION)
    checkField('remask', 'image', image, IMAGE)
    const { grid, scale } = await this.prepared('remask')
    const size = { width: grid!.width * scale, height: grid!.height * scale }
    const ready = await readRegion(region, { field: 'region' })
    this.remaskCells(image, await regionCellsSlowly('remask', ready, grid!, size))
  }

  decode(step: StepData, options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(step: StepData, options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(step: StepData, options?: PreviewOptions): Promise<RawImage | Uint8Array>
  decode(step: StepData, options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    return this.#draw(step, options)
  }
}

export class TextDecodingRun extends DecodingRun<TextStep, TextResult> implements TextRun {
  toTextStream(): ReadableStream<string> {
    return textStream(this)
  }
}

/** Throws `request/invalid` for what is no step of a picture. */
export function checkStep(step: StepData): void {
  const { grid, tokens, guess } = step
  const cells = grid.width * grid.height
  if (tokens.length === cells && guess.length === cells) return
  throw invalid(`decode: step must hold ${cells} tokens and guesses for its grid, got ${tokens.length} and ${guess.length}`)
}
