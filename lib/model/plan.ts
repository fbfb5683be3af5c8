// What requests would need in memory, of a model that is loaded and of a checkpoint that is only looked at: one way, laid out as they would
// be run. Pictures and texts are read, nothing is computed.
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import { local, type Fields } from '../fields/field.js'
import type { MemoryPlan } from '../native/info.js'
import { settle } from '../native/job.js'
import { checkTask } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'
import { layOutOnPaper } from '../tasks/plan.js'
import { Admission } from './admission.js'
import { contextWarnings } from './context-length.js'
import { resolveDevice } from './devices.js'
import { coderOf, openModel } from './opened.js'
import { PLAN_FIELDS } from './options.js'
import { findSource, type ModelSource } from './source.js'
import { takeRequest, type StartingModel } from './start.js'
import type { PlanOptions } from './types.js'

/** A task and its request, as `run` takes them. */
export type TaskRequest = {
  readonly [Task in TaskName]: { readonly task: Task; readonly request: TaskRequests[Task] }
}[TaskName]

/** The memory that these requests would be started with, all at once. Throws as `startTask` does, but for memory. */
export async function planRequests(
  runs: readonly TaskRequest[],
  model: StartingModel,
  signal: AbortSignal,
  named: <T>(at: number, work: () => T) => T = (_, work) => work(),
): Promise<MemoryPlan> {
  const resolved = runs.map(({ task, request }, i) => named(i, () => takeRequest(task, request, model)))
  return model.admission.prepare({}, signal, async () => {
    const laidOut = []
    for (const [i, one] of resolved.entries()) laidOut.push(await named(i, () => layOutOnPaper(one, model, signal)))
    const warnings = [...new Set(laidOut.flatMap((request) => contextWarnings(request, model.info)))]
    return { ...(JSON.parse(model.native().plan(laidOut)) as Omit<MemoryPlan, 'warnings'>), warnings }
  })
}

/**
 * Bytes that a checkpoint and these runs, all at once, would need: what `model.plan` says of a request, without loading a model. Reads headers, the
 * tokenizer, and the requests' texts and pictures. Without a source it is the embedded miniature's.
 *
 * @throws as `loadModel` and `run` do, but `device/out-of-memory`.
 * @example
 * const { fits, totalBytes } = await planMemory('lumina.gguf', [{ task: 'generate', request: { prompt: 'a red circle', n: 4 } }])
 */
export async function planMemory(
  source: ModelSource | undefined,
  runs: readonly TaskRequest[],
  options: PlanOptions = {},
): Promise<MemoryPlan> {
  checkOptions('planMemory', options, { fields: PLAN_FIELDS })
  checkRuns(runs)
  const { signal = new AbortController().signal } = options
  signal.throwIfAborted()
  const device = await resolveDevice({ device: options.device ?? 'auto', onDeviceUnavailable: undefined })
  const opened = await openModel({ path: await findSource(source, { signal }), device, use: 'plans' }, options, { signal })
  const { native, info, text } = opened
  const model: StartingModel = {
    info,
    maxQueueMs: undefined,
    admission: new Admission({}, () => 0),
    native: () => native,
    coder: () => coderOf(opened),
    previewTable: () => Promise.reject(new DimooError('internal', 'a checkpoint that is only planned for draws nothing')),
  }
  try {
    return await planRequests(runs, model, signal, runs.length > 1 ? namedRun : undefined)
  } finally {
    await Promise.all([settle(() => native.close()), text?.close()])
  }
}

/** About 60 tokens. */
const ORDINARY_PROMPT =
  'A wide view of a fishing harbour in the early morning light, with wooden boats along the quay, nets drying on the railings, gulls over ' +
  'the water and a lighthouse on the far pier, painted in soft colours.'

/** What most would ask of a checkpoint: a guided picture, or an answer where it makes none. Sizes are the checkpoint's defaults. */
export function ordinaryRun(
  sees: boolean,
  {
    prompt = ORDINARY_PROMPT,
    ...more
  }: { readonly prompt?: string; readonly width?: number; readonly height?: number; readonly n?: number } = {},
): TaskRequest {
  if (sees) return { task: 'generate', request: { prompt, ...more } }
  return { task: 'chat', request: { messages: [{ role: 'user', content: prompt }] } }
}

const RUN: Fields = { task: local('any', 'The task.'), request: local('any', 'Its request.') }

function checkRuns(runs: unknown): asserts runs is readonly TaskRequest[] {
  if (!Array.isArray(runs) || runs.length === 0)
    throw invalid(`planMemory: runs must be an array of one or more {task, request}, got ${show(runs)}`)
  runs.forEach((run: unknown, i) => {
    checkOptions(`planMemory: runs[${i}]`, run, { fields: RUN, required: ['task', 'request'] })
    namedRun(i, () => checkTask((run as TaskRequest).task))
  })
}

/** Errors say which of several runs they are about. */
function namedRun<T>(at: number, work: () => T): T {
  const name = (error: unknown): never => {
    if (!DimooError.is(error)) throw error
    throw new DimooError(error.code, `planMemory: runs[${at}]: ${error.message}`, {
      cause: error,
      ...(error.details && { details: error.details }),
    })
  }
  try {
    const found = work()
    return (found instanceof Promise ? found.catch(name) : found) as T
  } catch (error) {
    return name(error)
  }
}
