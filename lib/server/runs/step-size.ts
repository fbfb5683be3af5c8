// How much of a log's budget a step takes.
import type { ImageStep, TextStep } from '../../run/steps.js'

/** Bytes that its event holds, about. */
export function sizeOf(step: ImageStep | TextStep): number {
  if (step.kind === 'text') return 512 + 2 * (step.text.length + step.settled.length)
  const { tokens, changed, preview } = step
  const pixels = preview === undefined ? 0 : 'data' in preview ? preview.data.length : preview.length
  return 512 + 10 * tokens.length + 16 * changed.length + Math.ceil(1.4 * pixels)
}
