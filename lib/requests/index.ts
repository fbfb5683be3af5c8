// Every task's descriptor, and the two steps from what a caller says to a complete request: the check, which needs no model, and the
// defaults, which do.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import { rootSchema, type JsonSchema } from '../fields/json-schema.js'
import type { ModelFacts } from './defaults.js'
import type { TaskDescriptor } from './descriptor.js'
import { GENERATE, resolveGenerate, type ResolvedGenerate } from './generate.js'
import { isTask, TASKS, type TaskName } from './names.js'
import * as paint from './paint.js'
import { withPreset } from './presets.js'
import { PREVIEW_FIELDS, RESUME_FIELDS, RUN_FIELDS, RUN_OPTION_NAMES } from './run-options.js'
import * as texts from './text.js'
import * as transform from './transform.js'
import type { TaskRequests } from './types/index.js'

export const DESCRIPTORS: Readonly<Record<TaskName, TaskDescriptor>> = {
  generate: GENERATE,
  edit: transform.EDIT,
  inpaint: paint.INPAINT,
  outpaint: paint.OUTPAINT,
  retouch: paint.RETOUCH,
  control: transform.CONTROL,
  predict: transform.PREDICT,
  subject: transform.SUBJECT,
  style: transform.STYLE,
  view: transform.VIEW,
  ask: texts.ASK,
  chat: texts.CHAT,
}

/** What can be said about a run, for the generator of lib/requests/types. */
export const OPTIONS = [
  { type: 'PreviewOptions', summary: 'How a step is drawn.', fields: PREVIEW_FIELDS },
  { type: 'RunOptions', summary: 'What can be said about a run, whatever its task.', fields: RUN_FIELDS },
  { type: 'ResumeOptions', summary: 'What can be said about a run that goes on from a snapshot.', fields: RESUME_FIELDS },
] as const

/** A complete request: planners take it alone. */
export type Resolved = ResolvedGenerate | transform.ResolvedTransform | paint.ResolvedPaint | texts.ResolvedText

const RESOLVERS: { readonly [Task in TaskName]: (request: TaskRequests[Task], facts: ModelFacts) => Resolved } = {
  generate: resolveGenerate,
  edit: transform.resolveEdit,
  inpaint: paint.resolveInpaint,
  outpaint: paint.resolveOutpaint,
  retouch: paint.resolveRetouch,
  control: transform.resolveControl,
  predict: transform.resolvePredict,
  subject: transform.resolveSubject,
  style: transform.resolveStyle,
  view: transform.resolveView,
  ask: texts.resolveAsk,
  chat: texts.resolveChat,
}

/** Throws `request/invalid` for what is no task. */
export function checkTask(task: unknown): asserts task is TaskName {
  if (isTask(task)) return
  throw invalid(`run: task must be one of ${TASKS.map((name) => `'${name}'`).join(', ')}, got ${show(task)}`)
}

const ELSEWHERE = Object.fromEntries(RUN_OPTION_NAMES.map((name) => [name, 'into the second argument, the options of the run']))

/** The checks of a request that need no model. Throws `request/invalid`. */
export function checkRequest(task: TaskName, request: unknown): void {
  const { fields, required } = DESCRIPTORS[task]
  checkOptions(task, request, { fields, required, elsewhere: ELSEWHERE })
}

/** A checked request with its preset and every default filled in. Throws `request/invalid` for what does not go together. */
export function resolveRequest<Task extends TaskName>(task: Task, request: TaskRequests[Task], facts: ModelFacts): Resolved {
  const chosen = withPreset(task, request, facts, Object.keys(DESCRIPTORS[task].fields))
  return RESOLVERS[task](chosen.request, chosen.facts)
}

/** A checked request that says itself what its preset sets, for whoever decodes it elsewhere. `steps`: as they were resolved. */
export function withoutPreset<Task extends TaskName>(
  task: Task,
  request: TaskRequests[Task],
  facts: ModelFacts,
  steps: number,
): TaskRequests[Task] {
  if (request.preset === undefined) return request
  return { ...withPreset(task, request, facts, Object.keys(DESCRIPTORS[task].fields)).request, steps }
}

/**
 * The JSON Schema (2020-12) of a task's request where it travels as JSON. Throws `request/invalid` for what is no task.
 *
 * @example
 * requestSchema('generate').properties
 */
export function requestSchema(task: TaskName): JsonSchema {
  checkTask(task)
  const { type, summary, fields, required } = DESCRIPTORS[task]
  return rootSchema(type, summary, { fields, required })
}
