// Every task's request: its type, its table of fields (also the command line's flags), and the checks that need no model.
import { invalid } from '../base/errors.js'
import type { Fields } from '../fields/validate.js'
import { show } from '../fields/validate.js'
import { checkPaint, PAINT_FIELDS, PAINT_REQUIRED, type PaintRequests, type PaintTask } from './paint.js'
import { checkText, TEXT_REQUIRED, TEXT_TASK_FIELDS, type TextRequests, type TextTask } from './text.js'
import { checkTextToImage, TEXT_TO_IMAGE_FIELDS, type TextToImageRequest } from './text-to-image.js'
import { checkTransform, TRANSFORM_FIELDS, TRANSFORM_REQUIRED, type TransformRequests, type TransformTask } from './transform.js'

export interface TaskRequests extends TransformRequests, PaintRequests, TextRequests {
  readonly 'text-to-image': TextToImageRequest
}
export type TaskName = keyof TaskRequests

export const REQUEST_FIELDS: Readonly<Record<TaskName, Fields>> = {
  'text-to-image': TEXT_TO_IMAGE_FIELDS,
  ...TRANSFORM_FIELDS,
  ...PAINT_FIELDS,
  ...TEXT_TASK_FIELDS,
}

/** The fields that a request of each task cannot do without. */
export const REQUIRED_FIELDS: Readonly<Record<TaskName, readonly string[]>> = {
  'text-to-image': ['prompt'],
  ...TRANSFORM_REQUIRED,
  ...PAINT_REQUIRED,
  ...TEXT_REQUIRED,
}

export const TASKS = Object.keys(REQUEST_FIELDS) as readonly TaskName[]

export function isTransform(task: TaskName): task is TransformTask {
  return Object.hasOwn(TRANSFORM_FIELDS, task)
}

export function isPaint(task: TaskName): task is PaintTask {
  return Object.hasOwn(PAINT_FIELDS, task)
}

export function isText(task: TaskName): task is TextTask {
  return Object.hasOwn(TEXT_TASK_FIELDS, task)
}

/** Throws `request/invalid` for what is no task. */
export function checkTask(task: unknown): asserts task is TaskName {
  if ((TASKS as readonly unknown[]).includes(task)) return
  throw invalid(`run: task must be one of ${TASKS.map((name) => `'${name}'`).join(', ')}, got ${show(task)}`)
}

/** The checks of a request that need no model. Throws `request/invalid`. */
export function checkRequest<T extends TaskName>(task: T, request: TaskRequests[T]): void {
  const name: TaskName = task
  if (isTransform(name)) checkTransform(name, request as TransformRequests[typeof name])
  else if (isPaint(name)) checkPaint(name, request as PaintRequests[typeof name])
  else if (isText(name)) checkText(name, request as TextRequests[typeof name])
  else checkTextToImage(request as TextToImageRequest)
}
