// What a queue says of itself: what waits, who works, and the sums of what the workers' schedulers say.
import type { SchedulerStats } from '../runner/runner.js'
import { estimatedWaitMs, type WorkerReport } from './fleet.js'

export interface QueueStats extends SchedulerStats {
  /** Workers that are there. */
  readonly workers: readonly WorkerReport[]
}

export function queueStats(
  { waiting, active }: { readonly waiting: number; readonly active: number },
  workers: readonly WorkerReport[],
): QueueStats {
  const found = workers.flatMap(({ scheduler }) => scheduler ?? [])
  const sum = (name: keyof SchedulerStats): number => found.reduce((total, one) => total + one[name], 0)
  const passes = sum('forwardPasses')
  const weighted = (name: 'meanRowsPerPass' | 'reusedRowRatio'): number =>
    passes > 0 ? found.reduce((total, one) => total + one[name] * one.forwardPasses, 0) / passes : 0
  return {
    workers,
    running: active,
    queued: waiting,
    paused: sum('paused'),
    completed: sum('completed'),
    aborted: sum('aborted'),
    failed: sum('failed'),
    forwardPasses: passes,
    forwardMs: sum('forwardMs'),
    meanRowsPerPass: weighted('meanRowsPerPass'),
    reusedRowRatio: weighted('reusedRowRatio'),
    stepsPerSecond: sum('stepsPerSecond'),
    deviceBytesUsed: sum('deviceBytesUsed'),
    deviceBytesFree: sum('deviceBytesFree'),
    estimatedWaitMs: estimatedWaitMs(waiting, workers),
  }
}
