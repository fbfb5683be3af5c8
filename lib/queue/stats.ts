// What a queue says of itself: what waits, who works, and the sums of what the workers' schedulers say.
import type { SchedulerStats } from '../runner/runner.js'
import { sumsOf } from '../runner/scheduler-sums.js'
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
  return { ...sumsOf(found), workers, running: active, queued: waiting, estimatedWaitMs: estimatedWaitMs(waiting, workers) }
}
