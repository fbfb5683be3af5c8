// Requests that have come from elsewhere: nothing in them may name a file of this machine, and nothing may be left of the process they
// came from.
import { invalid } from '../base/errors.js'
import { isByteStream, isObject, isTypedArray, isUrl } from '../base/realm.js'
import { checkOptions } from '../fields/check.js'
import { isLocal, type Field, type Fields } from '../fields/field.js'
import { checkRequest, DESCRIPTORS } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import { RUN_FIELDS } from '../requests/run-options.js'
import type { RunOptions, TaskRequests } from '../requests/types/index.js'

/** Checks a request in full. Throws `request/invalid`. */
export function checkTravelled<Task extends TaskName>(task: Task, request: unknown): TaskRequests[Task] {
  checkRequest(task, request)
  for (const [name, value] of Object.entries(request as object)) checkPlain(`${task}: ${name}`, value, DESCRIPTORS[task].fields[name]!)
  return request as TaskRequests[Task]
}

const TRAVELLING: Fields = Object.fromEntries(Object.entries(RUN_FIELDS).filter(([, field]) => !isLocal(field)))

/** Options of a run, but for the signal, which does not travel. Throws `request/invalid`. */
export function checkTravelledOptions(where: string, options: unknown): RunOptions {
  checkOptions(where, options, { fields: TRAVELLING })
  return options as RunOptions
}

// Where a picture may stand, a text must be a data: URL; pixels and bytes are data by themselves.
function checkPlain(where: string, value: unknown, field: Field): void {
  switch (field.kind) {
    case 'picture':
    case 'region':
      checkPicture(where, value)
      return
    case 'list':
      ;(value as readonly unknown[]).forEach((one, i) => checkPlain(`${where}[${i}]`, one, field.of))
      return
    case 'group':
      for (const [name, one] of Object.entries(value as object))
        if (one !== undefined) checkPlain(`${where}.${name}`, one, field.fields[name]!)
      return
    case 'either':
      if (field.of.some(({ kind }) => kind === 'region' || kind === 'picture')) checkPicture(where, value)
      return
    case 'schedule':
      if (typeof value === 'function') throw invalid(`${where} must be a name or shares where it travels, got a function`)
      return
    default:
  }
}

function checkPicture(where: string, value: unknown): void {
  const named = (typeof value === 'string' && !/^data:/i.test(value)) || isUrl(value)
  if (named) throw invalid(`${where} must be the bytes of a picture or a data: URL where it travels, got a place`)
  const flows = isObject(value) && !isTypedArray(value) && isByteStream(value)
  if (flows) throw invalid(`${where} must be the bytes of a picture where it travels, got a stream`)
}
