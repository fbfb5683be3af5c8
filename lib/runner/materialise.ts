// A request on its way to another process: pictures become bytes, a preset and a schedule that is a function their numbers, a seed that was
// left out is drawn here, so that whoever decodes it twice draws the same.
import { hasMethods } from '../base/realm.js'
import type { Field, Fields } from '../fields/field.js'
import { isCells, isMade, isRawImage, isRects, type MaskInput } from '../fields/values.js'
import { fileBytes, nameOf, type FileInput } from '../image/bytes.js'
import { checkGivenImage } from '../image/raw.js'
import type { ModelInfo } from '../native/info.js'
import { capture } from '../requests/capture.js'
import { checkRequest, DESCRIPTORS, resolveRequest, withoutPreset } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'

/**
 * The request as plain data. Buffers are copied before this returns its promise; paths, Blobs, streams, `data:` URLs and results are read
 * into bytes.
 *
 * @param info Of the model that will decode it: its defaults tell what a preset sets, and how many steps a schedule given as a function has.
 * @throws `request/invalid` at once for what no model takes; rejects with `image/invalid` for a picture that cannot be read.
 */
export function materialise<Task extends TaskName>(
  task: Task,
  request: TaskRequests[Task],
  info: Pick<ModelInfo, 'scale' | 'defaults' | 'compat'>,
  signal?: AbortSignal,
): Promise<TaskRequests[Task]> {
  checkRequest(task, request)
  const { fields } = DESCRIPTORS[task]
  const own = capture(request, fields)
  const resolved = resolveRequest(task, own, info)
  const schedule =
    'schedule' in resolved && 'schedule' in own && typeof own.schedule === 'function'
      ? { schedule: Array.from(resolved.schedule as Float32Array) }
      : {}
  const said = withoutPreset(task, own, info, resolved.steps)
  return read({ ...said, seed: String(resolved.seed), ...schedule }, fields, signal) as Promise<TaskRequests[Task]>
}

/** A region that can travel: a file becomes its bytes. */
export async function travellingRegion(region: MaskInput): Promise<MaskInput> {
  return (await picture(region, 'region')) as MaskInput
}

async function read(values: object, fields: Fields, signal?: AbortSignal): Promise<object> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  const done = await Promise.all(
    entries.map(async ([name, value]) => [name, await travelling(value, fields[name]!, name, signal)] as const),
  )
  return Object.fromEntries(done)
}

async function travelling(value: unknown, field: Field, name: string, signal?: AbortSignal): Promise<unknown> {
  switch (field.kind) {
    case 'picture':
    case 'region':
      return picture(value, name, signal)
    case 'list':
      return Promise.all((value as readonly unknown[]).map((one, i) => travelling(one, field.of, `${name}[${i}]`, signal)))
    case 'group':
      return read(value as object, field.fields, signal)
    case 'either':
      return field.of.some(({ kind }) => kind === 'region' || kind === 'picture') ? picture(value, name, signal) : value
    default:
      return value
  }
}

async function picture(value: unknown, name: string, signal?: AbortSignal): Promise<unknown> {
  if (isRects(value) || isCells(value) || isMade(value)) return value
  if (isRawImage(value)) {
    checkGivenImage(value, nameOf(name, value))
    return value
  }
  const isPicture = typeof value === 'string' || ArrayBuffer.isView(value) || value instanceof URL || hasMethods(value, ['arrayBuffer'])
  const isFile =
    isPicture || hasMethods(value, ['getReader']) || (typeof value === 'object' && value !== null && Symbol.asyncIterator in value)
  return isFile ? alone(await fileBytes(value as FileInput, nameOf(name, value), signal)) : value
}

// In memory of its own: a Buffer may be a part of something larger, which a clone would take along.
function alone(bytes: Uint8Array): Uint8Array {
  const whole = bytes.byteLength === bytes.buffer.byteLength
  return whole ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes)
}
