// Steps that came from a server, with the comfort of local ones, and merged where their reader was slow.
import { toJson, type Json } from '../base/json.js'
import { regionAtHand } from '../fields/region.js'
import type { MaskInput, RawImage } from '../fields/values.js'
import type { ImageFormat } from '../image/encode.js'
import type { PreviewOptions } from '../requests/types/index.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import type { Data } from '../wire/messages.js'

type Draw = (step: ImageStep, options: PreviewOptions) => Promise<RawImage | Uint8Array>

/** What a step's comfort needs of its run. */
export interface StepTools {
  readonly draw: Draw
  readonly remask: (region: MaskInput, image: number) => void
}

/** In a wire message. */
export type WireStep = Data<ImageStep> | TextStep
export type AnyStep = RemoteStep | TextStep

/** The step of a wire message. */
export function stepFrom(sent: WireStep, tools: StepTools): AnyStep {
  return sent.kind === 'text' ? sent : Object.assign(new RemoteStep(tools), sent)
}

/** A step of a picture. Own fields are plain data. */
export class RemoteStep implements ImageStep {
  declare readonly kind: 'image'
  declare readonly image: number
  declare readonly step: number
  declare readonly steps: number
  declare readonly skipped: number
  declare readonly masked: number
  declare readonly elapsedMs: number
  declare readonly pass: 'full' | 'cached' | 'text'
  declare readonly rows: number
  declare readonly grid: { readonly width: number; readonly height: number }
  declare readonly tokens: Int32Array
  declare readonly guess: Int32Array
  declare readonly changed: Uint32Array
  declare readonly confidence: Float32Array
  declare readonly preview?: RawImage | Uint8Array
  readonly #tools: StepTools

  constructor(tools: StepTools) {
    this.#tools = tools
  }

  /** Another step in its place, of the same run. */
  with(changes: Partial<ImageStep>): RemoteStep {
    return Object.assign(new RemoteStep(this.#tools), this, changes)
  }

  decode(options?: PreviewOptions & { readonly format?: 'raw' }): Promise<RawImage>
  decode(options: PreviewOptions & { readonly format: ImageFormat }): Promise<Uint8Array>
  decode(options?: PreviewOptions): Promise<RawImage | Uint8Array>
  async decode(options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    return this.#tools.draw(this, options)
  }

  remask(region: MaskInput): void {
    this.#tools.remask(regionAtHand(region), this.image)
  }

  toJSON(): Json {
    return toJson(this)
  }
}

/** A step with what has changed since another one of the same run, where steps between them were forgotten, or merged by another server. */
export function since(seen: AnyStep, step: AnyStep): AnyStep {
  const skipped = step.step - seen.step - 1
  if (skipped === step.skipped) return step
  if (step.kind === 'text') return { ...step, skipped, delta: step.settled.slice((seen as TextStep).settled.length) }
  const before = (seen as RemoteStep).tokens
  const sure = new Map(Array.from(step.changed, (cell, i) => [cell, step.confidence[i]!]))
  const cells = Array.from(step.tokens.keys()).filter((cell) => step.tokens[cell] !== -1 && step.tokens[cell] !== before[cell])
  return step.with({
    skipped,
    changed: Uint32Array.from(cells),
    confidence: Float32Array.from(cells, (cell) => sure.get(cell) ?? 0), // forgotten with the step that fixed it
  })
}

/** Two steps of the same picture or answer as one, for a reader who missed the first. */
export function merged(first: AnyStep, second: AnyStep): AnyStep {
  const skipped = first.skipped + second.skipped + 1
  if (second.kind === 'text') return { ...second, skipped, delta: (first as TextStep).delta + second.delta }
  const before = first as RemoteStep
  const sure = new Map<number, number>()
  for (const { changed, confidence } of [before, second]) changed.forEach((cell, i) => sure.set(cell, confidence[i]!))
  // Cells that were masked again meanwhile have not changed for whoever has not seen them.
  const cells = [...sure.keys()].filter((cell) => second.tokens[cell] !== -1).sort((a, b) => a - b)
  const preview = second.preview ?? before.preview
  return second.with({
    skipped,
    changed: Uint32Array.from(cells),
    confidence: Float32Array.from(cells, (cell) => sure.get(cell)!),
    ...(preview !== undefined && { preview }),
  })
}
