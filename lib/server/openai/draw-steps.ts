// Pictures of the decoding: some steps of each picture, evenly over the way, drawn in full one after the other while the run goes on.
import type { RawImage } from '../../fields/values.js'
import type { ImageRun } from '../../run/types.js'
import type { AnyStep } from '../runs/held-parts.js'
import type { HeldRun } from '../runs/held-run.js'

export interface Drawn {
  /** Of the pictures that are decoded together. */
  readonly image: number
  /** From 0, of this picture. */
  readonly index: number
  readonly picture: RawImage
}

/**
 * Draws at most `count` steps of each picture before its last. Returns what waits for the drawings that have begun.
 *
 * @param pictures Of so many, the first ones: with `bestOf` there are more than were asked for, and which are kept shows at the end.
 */
export function drawSteps(
  run: HeldRun,
  { count, pictures = Infinity }: { readonly count: number; readonly pictures?: number },
  take: (drawn: Drawn) => Promise<void> | void,
): () => Promise<void> {
  if (count === 0) return async () => undefined
  const begun = new Map<number, number>()
  let drawings = Promise.resolve()
  const draw = (step: AnyStep): void => {
    if (step.kind !== 'image' || step.masked === 0 || step.image >= pictures) return
    const index = begun.get(step.image) ?? 0
    if (index >= count || (step.step + 1) * (count + 1) < (index + 1) * step.steps) return
    begun.set(step.image, index + 1)
    drawings = drawings
      .then(async () => take({ image: step.image, index, picture: await (run.run as ImageRun).decode(step, { quality: 'full' }) }))
      .catch(() => undefined) // a picture on the way that cannot be drawn is missed; how the run ends says why
  }
  const stop = run.onStep(draw, { past: true }) // a client that asks again sees it again
  return async () => {
    stop()
    await drawings
  }
}
