// What one picture of a run looked like after each step that was heard of: the material of the timeline.
import type { ImageStep } from 'lumina-dimoo/client'

export interface Frame {
  readonly step: number
  readonly steps: number
  readonly masked: number
  readonly elapsedMs: number
  readonly rows: number
  readonly grid: { readonly width: number; readonly height: number }
  /** Codes, -1 where masked. */
  readonly tokens: Int32Array
  readonly guess: Int32Array
  /** Of each cell, how sure the model was when it was decided (0 to 1); NaN where masked or unknown. */
  readonly confidence: Float32Array
  /** Of each cell, the step that decided it; -1 where masked or unknown. */
  readonly decided: Int16Array
  /** A draft as the bytes of a file, masked cells held. */
  readonly draft: Uint8Array | undefined
}

/** The frame after `step`, given the one before it. */
export function frameAfter(before: Frame | undefined, step: ImageStep): Frame {
  const cells = step.tokens.length
  const confidence = before?.confidence.slice() ?? new Float32Array(cells).fill(Number.NaN)
  const decided = before?.decided.slice() ?? new Int16Array(cells).fill(-1)
  step.changed.forEach((cell, i) => {
    confidence[cell] = step.confidence[i]!
    decided[cell] = step.step
  })
  for (let cell = 0; cell < cells; cell++) {
    if (step.tokens[cell] !== -1) continue
    confidence[cell] = Number.NaN
    decided[cell] = -1
  }
  const { preview } = step
  return {
    step: step.step,
    steps: step.steps,
    masked: step.masked,
    elapsedMs: step.elapsedMs,
    rows: step.rows,
    grid: step.grid,
    tokens: step.tokens,
    guess: step.guess,
    confidence,
    decided,
    draft: preview instanceof Uint8Array ? preview : before?.draft,
  }
}

/** The last frame at or before a step; the first one where all are later. */
export function frameAt(frames: readonly Frame[], step: number): Frame | undefined {
  let found = frames[0]
  for (const frame of frames) {
    if (frame.step > step) break
    found = frame
  }
  return found
}
