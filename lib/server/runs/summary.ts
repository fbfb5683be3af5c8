// A run as JSON for whoever asks after it: how far it is, and how it ended.
import { errorToData } from '../../base/errors.js'
import { toJson, type Json } from '../../base/json.js'
import type { ImageStep, TextStep } from '../../run/steps.js'
import type { HeldRun } from './held-run.js'
import { resultJson, type ResultForm } from './result-json.js'

export function summaryOf(run: HeldRun): Record<string, Json> {
  const { id, task, state, model, detached, created, priority, progress, warnings } = run
  return {
    id,
    task,
    state,
    model,
    detached,
    priority,
    created: Math.floor(created / 1000),
    ...(progress && { progress: progressOf(progress) }),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  }
}

/** With how it ended, once it has. */
export function reportOf(run: HeldRun, form: ResultForm): Record<string, Json> {
  const { outcome } = run
  const summary = summaryOf(run)
  if (!outcome) return summary
  if ('error' in outcome) return { ...summary, error: toJson(errorToData(outcome.error)) }
  return { ...summary, result: resultJson(run, outcome.result, form) }
}

function progressOf(step: ImageStep | TextStep): Json {
  const { step: index, steps, masked, elapsedMs } = step
  return { step: index, steps, masked, elapsedMs, ...(step.kind === 'image' && { image: step.image }) }
}
