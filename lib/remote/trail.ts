// What a reader has seen of a run, so that it sees every step once and in order though the run was begun again from an earlier one, and so
// that steps it was too slow for become one.
import type { TextStep } from '../run/steps.js'
import type { FarStep } from './far.js'

type PictureStep = Exclude<FarStep, TextStep>

const imageOf = (step: FarStep): number => (step.kind === 'image' ? step.image : 0)

export class Trail {
  readonly #seen = new Map<number, FarStep>()
  // Pictures whose next step says what has changed since a step that this reader is beyond.
  readonly #stale = new Set<number>()

  get seen(): ReadonlyMap<number, FarStep> {
    return this.#seen
  }

  resumed(how: 'exactly' | 'anew'): void {
    if (how === 'anew') this.#seen.clear()
    for (const image of this.#seen.keys()) this.#stale.add(image)
  }

  /** The step as this reader is to see it; undefined: it has. */
  take(step: FarStep): FarStep | undefined {
    const image = imageOf(step)
    const seen = this.#seen.get(image)
    if (seen && step.step <= seen.step) return undefined
    this.#seen.set(image, step)
    if (!seen) return step
    const isForgotten = step.step - seen.step - 1 > step.skipped // steps between them, by whoever kept them
    return this.#stale.delete(image) || isForgotten ? since(seen, step) : step
  }
}

/** A step with what has changed since another one of the same run. */
export function since(seen: FarStep, step: FarStep): FarStep {
  const skipped = step.step - seen.step - 1
  if (step.kind === 'text') return { ...step, skipped, delta: step.settled.slice((seen as TextStep).settled.length) }
  const { tokens } = seen as PictureStep
  const sure = new Map(Array.from(step.changed, (cell, i) => [cell, step.confidence[i]!]))
  const fresh = Array.from(step.tokens.keys()).filter((cell) => step.tokens[cell] !== -1 && step.tokens[cell] !== tokens[cell])
  return {
    ...step,
    skipped,
    changed: Uint32Array.from(fresh),
    confidence: Float32Array.from(fresh, (cell) => sure.get(cell) ?? 0), // forgotten with the step that fixed it
  }
}

/** Two steps of the same picture or answer as one, for a reader who missed the first. */
export function merged(first: FarStep, second: FarStep): FarStep {
  const skipped = first.skipped + second.skipped + 1
  if (second.kind === 'text') return { ...second, skipped, delta: (first as TextStep).delta + second.delta }
  const confidence = new Map<number, number>()
  for (const { changed, confidence: sure } of [first as PictureStep, second]) changed.forEach((cell, i) => confidence.set(cell, sure[i]!))
  // Cells that were masked again meanwhile have not changed for whoever has not seen them.
  const cells = [...confidence.keys()].filter((cell) => second.tokens[cell] !== -1).sort((a, b) => a - b)
  return {
    ...second,
    skipped,
    changed: Uint32Array.from(cells),
    confidence: Float32Array.from(cells, (cell) => confidence.get(cell)!),
    ...(second.preview === undefined && (first as PictureStep).preview !== undefined && { preview: (first as PictureStep).preview! }),
  }
}
