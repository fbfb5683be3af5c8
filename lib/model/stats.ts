// What the scheduler of a model's device has done and is doing.
import type { NativeModel } from '../native/binding.js'

export interface SchedulerStats {
  readonly running: number
  readonly queued: number
  readonly completed: number
  readonly aborted: number
  readonly failed: number
  readonly forwardPasses: number
  /** Milliseconds that those passes spent in the network. */
  readonly forwardMs: number
  readonly meanRowsPerPass: number
  /** Share of the rows that a cache or prefix reuse spared, 0 to 1. */
  readonly reusedRowRatio: number
  readonly stepsPerSecond: number
  readonly deviceBytesUsed: number
  readonly deviceBytesFree: number
  /** How long a run that was queued now would wait, in milliseconds. */
  readonly estimatedWaitMs: number
}

export function statsOf(native: NativeModel): SchedulerStats {
  return JSON.parse(native.stats()) as SchedulerStats
}
