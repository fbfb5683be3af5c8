// What a run is made of. The run itself (decoding-run.ts) knows nothing of tasks; lib/tasks knows nothing of waiting.
import type { Grid } from '../image/region.js'
import type { NativeOutcome, NativeRun, NativeSnapshot, NativeStep } from '../native/binding.js'
import type { TaskName } from '../requests/names.js'
import type { RunOptions } from '../requests/types/index.js'

/** What a run asks of whatever decodes it: the addon's run, or one in another process (lib/remote). */
export type Decoder = Omit<NativeRun, 'id'>

export type Starter = (wake: () => void) => Decoder

/** Masks cells of a picture of this run again. Throws `request/invalid` once that is too late. */
export type Remask = (image: number, cells: Uint32Array) => void

/** How the run ended, with what this side of the addon knows of it. */
export interface Ending {
  readonly outcome: NativeOutcome
  /** Time spent before the native run started: reading pictures, tokenising. */
  readonly prefillMs: number
  /** What the result tells its reader beside. */
  readonly warnings: readonly string[]
  /** Aborted when the run is aborted while its result is still being made. */
  readonly signal: AbortSignal
}

/** A run that is ready to start, and how native values become public ones. */
export interface Prepared<Step, Result> {
  /** Pictures: their grid, and pixels per cell side. */
  readonly grid?: Grid
  readonly scale: number
  readonly warnings: readonly string[]
  readonly start: Starter
  readonly toStep: (step: NativeStep, remask: Remask) => Step | Promise<Step>
  readonly toResult: (ending: Ending) => Result | Promise<Result>
  /** The bytes of a snapshot around the native state. */
  readonly toSnapshot: (found: NativeSnapshot) => Promise<Uint8Array>
}

export interface RunParts<Step, Result> {
  readonly task: TaskName
  readonly options: RunOptions
  readonly maxQueueMs?: number | undefined
  /** Throws `queue/full`; the answer is called once the run has ended, or nobody holds it any more. Absent: whoever decodes it elsewhere admits. */
  readonly admit?: () => () => void
  /** Everything that comes before the first pass; at once where there is nothing to wait for. Stops when `signal` is aborted. */
  readonly prepare: (signal: AbortSignal) => Prepared<Step, Result> | Promise<Prepared<Step, Result>>
}

/** The outcome of a run that never reached the addon. */
export function endedEarly(state: NativeOutcome['state']): NativeOutcome {
  const none = { queuedMs: 0, decodeMs: 0, vqMs: 0, totalMs: 0, steps: 0, forwardPasses: 0, forwardTokens: 0 }
  return { state, images: [], remasked: [], ...none }
}
