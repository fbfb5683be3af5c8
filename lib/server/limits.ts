// What a request may ask for, checked before anything is decoded: steps, pictures, cells, pixels and the length of its texts. Sizes of
// given pictures come from their headers.
import { invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { show } from '../base/show.js'
import { checkField } from '../fields/check.js'
import type { Field, Fields } from '../fields/field.js'
import { isCells, isRects, type ImageInput } from '../fields/values.js'
import { readSize } from '../image/read.js'
import type { ModelInfo } from '../native/info.js'
import { candidates } from '../requests/image.js'
import { DESCRIPTORS, type Resolved } from '../requests/index.js'
import type { TaskName } from '../requests/names.js'
import type { TaskRequests } from '../requests/types/index.js'
import { lowered } from './lowered.js'
import type { Limits } from './options.js'

interface Sides {
  readonly width: number
  readonly height: number
}

/** A picture in a request: how messages call it, and its sides. */
export interface Given extends Sides {
  readonly name: string
}

/** What is known of a request before it is decoded. */
export interface Weighed<Task extends TaskName> {
  /** As it is to be run: defaults beyond the limits are lowered to them. */
  readonly request: TaskRequests[Task]
  /** What was lowered. */
  readonly warnings: readonly string[]
  /** Pictures that are decoded together, those of `bestOf` too; an answer is one. */
  readonly drawn: number
  readonly given: readonly Given[]
  /** Of all given pictures. */
  readonly pixels: number
}

/** Fields whose values this server limits, under the names that routes have for them. */
const LIMITED: Readonly<Record<string, keyof Limits>> = {
  steps: 'maxSteps',
  num_inference_steps: 'maxSteps',
  n: 'maxImages',
  bestOf: 'maxImages',
  best_of: 'maxImages',
  length: 'maxCells',
  images: 'maxImages',
  prompt: 'maxPromptBytes',
}

/** In place of the field's own check, whose limits are those of the library: throws `request/invalid` that names this server's. */
export function checkAsked(where: string, name: string, value: unknown, field: Field | undefined, limits: Limits): void {
  const most = Object.hasOwn(LIMITED, name) ? limits[LIMITED[name]!] : Infinity
  if (Number.isSafeInteger(value) && (value as number) > most)
    throw invalid(`${where}: ${name} must be at most ${most} here, got ${show(value)}`)
  if (Array.isArray(value) && value.length > most)
    throw invalid(`${where}: ${name} must be at most ${most} pictures here, got ${value.length}`)
  if (typeof value === 'string' && name === 'prompt' && Buffer.byteLength(value) > most)
    throw invalid(`${where}: prompt must be of at most ${most} bytes of UTF-8 here, got ${Buffer.byteLength(value)}`)
  if (field) checkField(where, name, value, field.kind === 'integer' ? { ...field, max: Math.min(most, field.max ?? most) } : field)
}

/** Throws `request/invalid` or `image/invalid` for what is beyond the limits, and for what does not go together. */
export async function weigh<Task extends TaskName>(
  task: Task,
  request: TaskRequests[Task],
  info: ModelInfo,
  limits: Limits,
): Promise<Weighed<Task>> {
  const { fields } = DESCRIPTORS[task]
  checkTexts(task, request, fields, limits)
  const { resolved, request: own, warnings } = lowered(task, request, info, limits)
  checkCounts(task, resolved, limits)
  const inputs = picturesOf(request, fields)
  const pictures = inputs.filter(({ name }) => !isMask(name)).length
  if (pictures > limits.maxImages) throw invalid(`${task}: images must be at most ${limits.maxImages} pictures here, got ${pictures}`)
  const given: Given[] = []
  for (const { name, value } of inputs) given.push({ name, ...(await sizeOf(task, name, value, limits)) })
  checkCells(task, resolved, given, info, limits)
  const drawn = 'n' in resolved ? candidates(resolved) : 1
  return { request: own, warnings, drawn, given, pixels: given.reduce((sum, { width, height }) => sum + width * height, 0) }
}

async function sizeOf(task: TaskName, name: string, value: ImageInput, { maxPixels }: Limits): Promise<Sides> {
  const tooMany = (size: string): Error => invalid(`${task}: ${name} must be of at most ${maxPixels} pixels here, got ${size}`)
  const size = await readSize(value, { field: name }).catch((error: unknown) => {
    // What no file may have is beyond this server's limit too.
    const found = /expected at most \d+ pixels, got (\d+ x \d+)$/.exec((error as Error).message)?.[1]
    throw found === undefined ? error : tooMany(found)
  })
  if (size.width * size.height > maxPixels) throw tooMany(`${size.width} x ${size.height}`)
  return size
}

function checkTexts(task: TaskName, request: object, fields: Fields, { maxPromptBytes }: Limits): void {
  const bytes = textBytes(request, fields)
  const name = 'prompt' in fields ? 'prompt' : 'messages'
  if (bytes > maxPromptBytes) throw invalid(`${task}: ${name} must be of at most ${maxPromptBytes} bytes of UTF-8 here, got ${bytes}`)
}

function textBytes(value: unknown, fields: Fields): number {
  if (!isObject(value)) return 0
  return Object.entries(value).reduce((sum, [name, one]) => sum + (fields[name] ? bytesOf(one, fields[name]) : 0), 0)
}

function bytesOf(value: unknown, field: Field): number {
  if (field.kind === 'text' && typeof value === 'string') return Buffer.byteLength(value)
  if (field.kind === 'group') return textBytes(value, field.fields)
  if (field.kind === 'list' && Array.isArray(value)) return value.reduce<number>((sum, one) => sum + bytesOf(one, field.of), 0)
  return 0
}

function checkCounts(task: TaskName, resolved: Resolved, { maxSteps, maxImages, maxCells }: Limits): void {
  const counts = [
    ['steps', resolved.steps, maxSteps],
    ['n', 'n' in resolved ? resolved.n : 1, maxImages],
    ['bestOf', 'bestOf' in resolved ? (resolved.bestOf ?? 1) : 1, maxImages],
    ['length', 'length' in resolved ? resolved.length : 1, maxCells],
  ] as const
  for (const [name, value, most] of counts) {
    if (value > most) throw invalid(`${task}: ${name} must be at most ${most} here, got ${value}`)
  }
}

function checkCells(task: TaskName, resolved: Resolved, given: readonly Given[], { scale }: ModelInfo, { maxCells }: Limits): void {
  const check = (name: string, { width, height }: Sides): void => {
    const cells = Math.max(1, Math.floor(width / scale)) * Math.max(1, Math.floor(height / scale))
    if (cells <= maxCells) return
    throw invalid(
      `${task}: ${name} must be of at most ${maxCells} cells of ${scale} x ${scale} pixels here, got ${width} x ${height} pixels`,
    )
  }
  if (resolved.task === 'generate') check('size', resolved)
  if (given.length === 0) return
  const area = 'imageArea' in resolved ? (resolved.imageArea ?? 'native') : 'native'
  if (area !== 'native') check('imageArea', { width: area, height: area })
  else
    for (const one of given) {
      if (!isMask(one.name)) check(one.name, resolved.task === 'outpaint' ? extended(one, resolved.extend) : one)
    }
}

const isMask = (name: string): boolean => name === 'mask' || name === 'region'

function extended({ width, height }: Sides, sides: Readonly<Record<string, unknown>> | object): Sides {
  const side = (name: string): number => Number((sides as Record<string, unknown>)[name] ?? 0)
  return { width: width + side('left') + side('right'), height: height + side('top') + side('bottom') }
}

/** Every picture in a request, masks among them. */
export function picturesOf(request: object, fields: Fields): { readonly name: string; readonly value: ImageInput }[] {
  return Object.entries(request).flatMap(([name, value]) => (fields[name] ? within(name, value, fields[name]) : []))
}

function within(name: string, value: unknown, field: Field): { readonly name: string; readonly value: ImageInput }[] {
  if (value === undefined) return []
  switch (field.kind) {
    case 'picture':
      return [{ name, value: value as ImageInput }]
    case 'region':
      return isRects(value) || isCells(value) ? [] : [{ name, value: value as ImageInput }]
    case 'list':
      return (value as readonly unknown[]).flatMap((one, i) => within(`${name}[${i}]`, one, field.of))
    case 'group':
      return Object.entries(value as object).flatMap(([key, one]) =>
        field.fields[key] ? within(`${name}.${key}`, one, field.fields[key]) : [],
      )
    case 'either': {
      const isGroup = isObject(value) && 'ratio' in value
      const picture = field.of.find(({ kind }) => kind === 'region' || kind === 'picture')
      return picture && !isGroup ? within(name, value, picture) : []
    }
    default:
      return []
  }
}
