// The one way a run starts, whatever its task: the request is copied, checked and completed at once (its errors are thrown), everything
// that takes time comes after, inside the run. A resumed run skips to what the engine is told.
import { DimooError, invalid } from '../base/errors.js'
import { quote } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import type { NativeStep } from '../native/binding.js'
import { capture } from '../requests/capture.js'
import { checkRequest, DESCRIPTORS, resolveRequest, type Resolved } from '../requests/index.js'
import { isTextTask, type TaskName } from '../requests/names.js'
import { RESUME_FIELDS, RUN_FIELDS } from '../requests/run-options.js'
import type { ExtendOptions, ResumeOptions, RunOptions, TaskRequests } from '../requests/types/index.js'
import { DecodedStep, withPreview } from '../run/image-step.js'
import type { Prepared, Remask } from '../run/parts.js'
import type { ImageResult, TextResult } from '../run/results.js'
import { ImageDecodingRun, TextDecodingRun } from '../run/runs.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import { TextProgress } from '../run/text-progress.js'
import { copySnapshot, openSnapshot, readSnapshot, writeSnapshot } from '../snapshot/index.js'
import { runFields, type EngineRequest, type ImageEngineRequest, type TaskModel, type TextEngineRequest } from '../tasks/engine-request.js'
import { finishImages, finishText } from '../tasks/finish.js'
import { isQuick, layOut } from '../tasks/index.js'
import { layOutPlanned } from '../tasks/plan.js'
import { flatMaybe } from '../tasks/prompt-ids.js'
import type { Admission } from './admission.js'
import { contextWarnings } from './context-length.js'
import { drawStep } from './draw.js'

/** A model that runs can be started on. */
export interface StartingModel extends TaskModel {
  readonly maxQueueMs: number | undefined
  readonly admission: Admission
}

export type LocalRun = ImageDecodingRun | TextDecodingRun

/** What is to be decoded, ready as soon as everything before the first pass is done. */
interface Work {
  readonly request: EngineRequest
  readonly state?: Uint8Array
  readonly warnings: readonly string[]
}
type Preparing = (signal: AbortSignal) => Work | Promise<Work>

/** Throws `request/invalid` and `disposed` at once; everything later rejects the run. */
export function startTask<Task extends TaskName>(
  task: Task,
  request: TaskRequests[Task],
  options: RunOptions,
  model: StartingModel,
): LocalRun {
  checkRunOptions(task, options, RUN_FIELDS)
  const resolved = takeRequest(task, request, model)
  const warnings = resolved.task === 'outpaint' ? roundedWarnings(resolved.extend, model.info.scale) : []
  const planned = hasPictures(resolved) ? layOutPlanned : layOut
  const prepare = (signal: AbortSignal): Work | Promise<Work> =>
    flatMaybe(planned(resolved, options, model, signal), (found) => ({ request: found, warnings }))
  const slow = (signal: AbortSignal): Promise<Work> => model.admission.prepare(options, signal, () => prepare(signal))
  return begin(task, options, model, isQuick(resolved, model) ? prepare : slow)
}

/** A copy of the request, checked and complete. Throws `request/invalid`, and `model/unsupported` for a task that this model cannot do. */
export function takeRequest<Task extends TaskName>(task: Task, request: TaskRequests[Task], model: TaskModel): Resolved {
  checkAble(task, model)
  checkRequest(task, request)
  const resolved = resolveRequest(task, capture(request, DESCRIPTORS[task].fields), model.info)
  if (resolved.task === 'chat' && resolved.images.length > 0) checkSees('chat with pictures', model)
  return resolved
}

// They take long to encode.
const hasPictures = (resolved: Resolved): boolean => (resolved.task === 'chat' ? resolved.images.length > 0 : resolved.task !== 'generate')

// A model that lacks what a task needs says so at once.
function checkAble(task: TaskName, { info, coder }: TaskModel): void {
  coder()
  if (task !== 'chat') checkSees(task, { info })
}

function checkSees(task: string, { info }: Pick<TaskModel, 'info'>): void {
  if (info.codebookSize > 0) return
  const what = `${task}: expected a model with image codes, got ${quote(info.name)} (${quote(info.architecture)}), which answers in text only`
  throw new DimooError('model/unsupported', what)
}

/** Goes on from a snapshot of this model. Throws `request/invalid` for another one at once, for a damaged one when it is read. */
export function resumeTask(snapshot: Uint8Array, { exact = true, ...options }: ResumeOptions, model: StartingModel): LocalRun {
  checkOptions('resume', { exact, ...options }, { fields: RESUME_FIELDS })
  const own = copySnapshot(snapshot)
  const { header, differences } = openSnapshot(own, model.info, exact)
  checkRunOptions(header.task, options, RUN_FIELDS)
  const prepare = async (): Promise<Work> => {
    const { request, state } = await readSnapshot(own, header)
    return { request: { ...request, native: { ...request.native, ...runFields(options) } } as EngineRequest, state, warnings: differences }
  }
  return begin(header.task, options, model, (signal) => model.admission.prepare(options, signal, prepare))
}

function checkRunOptions(task: TaskName, options: RunOptions, fields: typeof RUN_FIELDS): void {
  checkOptions(task, options, { fields })
  if (isTextTask(task) && (options.previews ?? false) !== false) {
    throw invalid(`${task}: previews are of pictures; an answer's steps hold its text`)
  }
}

function begin(task: TaskName, options: RunOptions, model: StartingModel, preparing: Preparing): LocalRun {
  const base = { task, options, maxQueueMs: model.maxQueueMs, admit: () => model.admission.enter() }
  if (isTextTask(task)) {
    return new TextDecodingRun({
      ...base,
      prepare: (signal) => flatMaybe(preparing(signal), (work) => ofText(work, work.request as TextEngineRequest, model)),
    })
  }
  const draw = drawStep(model)
  return new ImageDecodingRun(
    {
      ...base,
      prepare: (signal) => flatMaybe(preparing(signal), (work) => ofImages(work, work.request as ImageEngineRequest, options, model)),
    },
    draw,
  )
}

function common(
  { request, state, warnings }: Work,
  model: TaskModel,
): Pick<Prepared<never, never>, 'scale' | 'warnings' | 'start' | 'toSnapshot'> {
  return {
    scale: model.info.scale,
    warnings: [...warnings, ...contextWarnings(request.native, model.info)],
    start: (wake) => model.native().run(request.native, wake, state),
    toSnapshot: (found) => writeSnapshot(request, found, model.info),
  }
}

function ofImages(
  work: Work,
  request: ImageEngineRequest,
  { previews = false }: RunOptions,
  model: TaskModel,
): Prepared<ImageStep, ImageResult> {
  const { rows, columns } = request.native
  const grid = { width: columns, height: rows }
  const draw = drawStep(model)
  return {
    ...common(work, model),
    grid,
    toStep: (native: NativeStep, remask: Remask) => {
      const tools = { draw, remask, scale: model.info.scale }
      const step = new DecodedStep(native, grid, tools)
      return previews === false ? step : withPreview(step, previews, tools)
    },
    toResult: (ending) => finishImages(request, ending, model),
  }
}

function ofText(work: Work, request: TextEngineRequest, model: TaskModel): Prepared<TextStep, TextResult> {
  const { compat, ends, block } = request.native
  const reference = compat === 'reference'
  const progress = new TextProgress(model.coder(), { ends: new Set(reference ? [] : ends), block, losesLast: reference })
  return { ...common(work, model), toStep: (native) => progress.take(native), toResult: (ending) => finishText(request, ending, model) }
}

/** Sides that `extend` gave off the grid: what was taken for them. */
function roundedWarnings(extend: ExtendOptions, scale: number): string[] {
  return (['left', 'right', 'top', 'bottom'] as const).flatMap((side) => {
    const asked = extend[side] ?? 0
    const taken = Math.ceil(asked / scale) * scale
    return taken === asked ? [] : [`extend.${side}: ${taken} pixels were added for ${asked}, as a cell is ${scale} wide and high`]
  })
}
