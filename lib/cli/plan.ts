// `--plan` of the commands that run a task: what this very request would need in memory, and whether it fits. Nothing is decoded.
import type { Command } from 'commander'
import { invalid } from '../base/errors.js'
import { LOAD_FIELDS, PLAN_FIELDS } from '../model/options.js'
import { planMemory, type TaskRequest } from '../model/plan.js'
import type { LoadOptions, PlanOptions } from '../model/types.js'
import type { MemoryPlan } from '../native/info.js'
import type { TaskName } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'
import { writeJson, type Context } from './context.js'
import { readFlags } from './flags.js'
import { bytesText } from './job-report.js'
import { modelOf, type ModelFlags } from './model.js'

export interface PlanFlags extends ModelFlags {
  readonly plan?: boolean
}

export function addPlanFlag(command: Command): Command {
  return command.option('--plan', 'say what memory this would need and whether it fits, and do nothing')
}

/** `defaults`: of loading, where flags say nothing. */
export async function showPlan(
  task: TaskName,
  request: TaskRequests[TaskName],
  flags: PlanFlags,
  { stdout, signal }: Context,
  defaults: PlanOptions = {},
): Promise<void> {
  if (readFlags<LoadOptions>({ ...flags }, LOAD_FIELDS).weights !== undefined)
    throw invalid("--weights must not be given with --plan: expected a checkpoint as it is; 'dimoo verify' says what each type would take")
  const options = { ...defaults, ...readFlags<PlanOptions>({ ...flags }, PLAN_FIELDS), signal }
  const plan = await planMemory(modelOf(flags.model), [{ task, request } as TaskRequest], options)
  if (flags.json) writeJson(stdout, { event: 'plan', ...plan })
  else stdout.write(`${planLines(plan).join('\n')}\n`)
}

export function planLines(plan: MemoryPlan): string[] {
  const parts = Object.entries(plan).filter(([name, value]) => name.endsWith('Bytes') && typeof value === 'number')
  return [
    plan.fits ? 'fits:' : 'does not fit:',
    ...parts.map(([name, value]) => `  ${name.replace('Bytes', '')}: ${bytesText(value as number)}`),
    ...plan.warnings.map((warning) => `note: ${warning}`),
  ]
}
