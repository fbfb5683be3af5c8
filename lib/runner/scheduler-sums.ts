// What several schedulers say, as one would say it.
import type { SchedulerStats } from './runner.js'

/** Sums; means weighted by passes. How long a run would wait is for whoever shares work out among them. */
export function sumsOf(found: readonly SchedulerStats[]): Omit<SchedulerStats, 'estimatedWaitMs'> {
  const sum = (name: keyof SchedulerStats): number => found.reduce((total, one) => total + one[name], 0)
  const passes = sum('forwardPasses')
  const weighted = (name: 'meanRowsPerPass' | 'reusedRowRatio'): number =>
    passes > 0 ? found.reduce((total, one) => total + one[name] * one.forwardPasses, 0) / passes : 0
  return {
    running: sum('running'),
    queued: sum('queued'),
    paused: sum('paused'),
    completed: sum('completed'),
    aborted: sum('aborted'),
    failed: sum('failed'),
    forwardPasses: passes,
    forwardMs: sum('forwardMs'),
    rowsPerPass: sum('rowsPerPass'),
    meanRowsPerPass: weighted('meanRowsPerPass'),
    reusedRowRatio: weighted('reusedRowRatio'),
    stepsPerSecond: sum('stepsPerSecond'),
    deviceBytesUsed: sum('deviceBytesUsed'),
    deviceBytesFree: sum('deviceBytesFree'),
  }
}
