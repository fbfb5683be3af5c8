// What can be said of a call before anything of it travels: the checks of a model's own methods, made where the caller stands.
import { invalid } from '../base/errors.js'
import { isUint8Array } from '../base/realm.js'
import { show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import type { Fields } from '../fields/field.js'
import type { ModelInfo } from '../native/info.js'
import { capture } from '../requests/capture.js'
import { checkRequest, checkTask, DESCRIPTORS, resolveRequest } from '../requests/index.js'
import { isTextTask, type TaskName } from '../requests/names.js'
import type { RunOptions, TaskRequests } from '../requests/types/index.js'
import { snapshotHeader, type SnapshotHeader } from '../snapshot/index.js'

/**
 * The request, its buffers copied.
 *
 * @param info Of the model that will decode it, where one is known: then it is checked against its defaults too.
 * @throws `request/invalid` for what no model takes.
 */
export function checkCall<Task extends TaskName>(
  task: Task,
  request: TaskRequests[Task],
  options: RunOptions,
  fields: Fields,
  info: ModelInfo | undefined,
): TaskRequests[Task] {
  checkTask(task)
  checkRunOptions(task, options, fields)
  checkRequest(task, request)
  const own = capture(request, DESCRIPTORS[task].fields)
  if (info) resolveRequest(task, own, info)
  return own
}

/** What a snapshot is of. Throws `request/invalid` for what is none, and for options that do not fit its task. */
export function checkSnapshot(snapshot: Uint8Array, options: RunOptions, fields: Fields): SnapshotHeader {
  if (!isUint8Array(snapshot)) throw invalid(`resume: snapshot must be an Uint8Array, got ${show(snapshot)}`)
  const header = snapshotHeader(snapshot)
  checkRunOptions(header.task, options, fields)
  return header
}

function checkRunOptions(task: TaskName, options: RunOptions, fields: Fields): void {
  checkOptions(task, options, { fields })
  if (isTextTask(task) && (options.previews ?? false) !== false) {
    throw invalid(`${task}: previews are of pictures; an answer's steps hold its text`)
  }
}

/** Options as they travel: signals do not, ends are kept by whoever waits for them. */
export function travellingOptions<Options extends RunOptions & { readonly exact?: boolean }>({
  signal: _,
  deadlineMs: __,
  ...options
}: Options): Omit<Options, 'signal' | 'deadlineMs'> {
  return options
}
