// The one way a run starts, whatever its task: the request is checked and completed at once (its errors are thrown), everything that
// takes time comes after, inside the run. A resumed run skips to the native request.
import type { NativeStep } from '../native/binding.js'
import { DimooError, invalid } from '../base/errors.js'
import { isPaint, isText, isTransform, type TaskName, type TaskRequests } from '../requests/index.js'
import { resolvePaint, type PaintRequests } from '../requests/paint.js'
import { resolveText, type ChatRequest, type TextRequests, type UnderstandRequest } from '../requests/text.js'
import { resolveTextToImage, type TextToImageRequest } from '../requests/text-to-image.js'
import { resolveTransform, type TransformRequests } from '../requests/transform.js'
import { RUN_FIELDS, type RunOptions } from '../run/options.js'
import type { Prepared, Remask } from '../run/parts.js'
import { DecodingRun } from '../run/run.js'
import { openSnapshot, readSnapshot, writeSnapshot } from '../snapshot/index.js'
import { DecodedStep, withPreview, type ImageStep } from '../run/step.js'
import { TextProgress, type TextStep } from '../run/text-step.js'
import type { ImageResult, TextResult } from '../run/result.js'
import * as validate from '../fields/validate.js'
import { isImagePlan, runFields, type ImagePlan, type TaskModel, type TaskPlan, type TextPlan } from '../tasks/context.js'
import { finishImages, finishText } from '../tasks/finish.js'
import { planPaint } from '../tasks/paint.js'
import { mapMaybe } from '../tasks/prompt-ids.js'
import { planText } from '../tasks/text.js'
import { planTextToImage } from '../tasks/text-to-image.js'
import { planTransform, type TransformRequest } from '../tasks/transform.js'

export type AnyStep = ImageStep | TextStep
export type AnyResult = ImageResult | TextResult
export type AnyRun = DecodingRun<AnyStep, AnyResult>

/** Throws `request/invalid` and `disposed` at once; everything later rejects the run. */
export function startTask(task: TaskName, request: TaskRequests[TaskName], options: RunOptions, model: TaskModel): AnyRun {
  checkRunOptions(task, options)
  checkAble(task, model)
  const plan = planner(task, request, options, model)
  return new DecodingRun<AnyStep, AnyResult>({
    task,
    options,
    maxQueueMs: model.maxQueueMs,
    prepare: (signal) => mapMaybe(plan(signal), (found) => prepared(found, options, model)),
  })
}

// A model that lacks what a task needs says so at once.
function checkAble(task: TaskName, { info, coder }: TaskModel): void {
  coder()
  if (task === 'chat' || info.codebook_size > 0) return
  const what = `${methodOf(task)}: expected a model with image codes, got ${info.name} (${info.architecture}), which answers in text only`
  throw new DimooError('model/unsupported', what)
}

/** Goes on from a snapshot of this model. Throws `request/invalid` for another one at once, for a damaged one when it is read. */
export function resumeTask(snapshot: Uint8Array, options: RunOptions, model: TaskModel): AnyRun {
  if (!(snapshot instanceof Uint8Array)) throw invalid(`resume: snapshot must be an Uint8Array, got ${validate.show(snapshot)}`)
  const header = openSnapshot(snapshot, model.info)
  checkRunOptions(header.task, options)
  return new DecodingRun<AnyStep, AnyResult>({
    task: header.task,
    options,
    maxQueueMs: model.maxQueueMs,
    prepare: async () => {
      const { plan, state } = await readSnapshot(snapshot, header)
      const request = { ...plan.request, ...runFields(options) }
      return prepared({ ...plan, request } as TaskPlan, options, model, state)
    },
  })
}

function checkRunOptions(task: TaskName, options: RunOptions): void {
  validate.checkOptions(methodOf(task), options, RUN_FIELDS)
  if (isText(task) && (options.previews ?? false) !== false) {
    throw invalid(`${methodOf(task)}: previews are of pictures; an answer's steps hold its text`)
  }
}

/** The name of a task's method, which begins every message. */
export function methodOf(task: TaskName): string {
  const names: Partial<Record<TaskName, string>> = { 'text-to-image': 'generate', understand: 'ask' }
  return names[task] ?? task
}

type Planner = (signal: AbortSignal) => TaskPlan | Promise<TaskPlan>

// Completes the request now; what is returned does the work.
function planner(task: TaskName, request: TaskRequests[TaskName], options: RunOptions, model: TaskModel): Planner {
  const facts = { ...model.info, compat: model.compat }
  if (isTransform(task)) {
    const resolved = resolveTransform(task, request as TransformRequests[typeof task], facts)
    return (signal) => planTransform(task, request as TransformRequest, resolved, options, model, signal)
  }
  if (isPaint(task)) {
    const resolved = resolvePaint(task, request as PaintRequests[typeof task], facts)
    return (signal) => planPaint(task, request as PaintRequests[typeof task], resolved, options, model, signal)
  }
  if (isText(task)) {
    const resolved = resolveText(task, request as TextRequests[typeof task], facts)
    return (signal) => planText(task, request as UnderstandRequest | ChatRequest, resolved, options, model, signal)
  }
  const resolved = resolveTextToImage(request as TextToImageRequest, facts)
  return () => planTextToImage(resolved, options, model)
}

function prepared(plan: TaskPlan, options: RunOptions, model: TaskModel, state?: Uint8Array): Prepared<AnyStep, AnyResult> {
  return {
    start: (wake) => model.native().run(plan.request, wake, state),
    toSnapshot: (now) => writeSnapshot(plan, now, model.info),
    ...(isImagePlan(plan) ? ofImages(plan, options, model) : ofText(plan, model)),
  }
}

type Outputs = Pick<Prepared<AnyStep, AnyResult>, 'toStep' | 'toResult'>

function ofImages(plan: ImagePlan, { previews = false }: RunOptions, model: TaskModel): Outputs {
  const { rows, columns } = plan.request
  const stepModel = { native: model.native, previewTable: model.previewTable, scale: model.info.scale }
  return {
    toStep: (native: NativeStep, remask: Remask) => {
      const step = new DecodedStep(native, { rows, columns }, stepModel, remask)
      return previews === false ? step : withPreview(step, previews)
    },
    toResult: (ending) => finishImages(plan, ending, model),
  }
}

function ofText(plan: TextPlan, model: TaskModel): Outputs {
  const { compat, ends, block } = plan.request
  const reference = compat === 'reference'
  const progress = new TextProgress(model.coder(), { ends: new Set(reference ? [] : ends), block, losesLast: reference })
  return { toStep: (native) => progress.take(native), toResult: (ending) => finishText(plan, ending, model) }
}
