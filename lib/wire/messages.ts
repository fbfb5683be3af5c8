// What travels between a caller and whoever decodes: requests, steps, results, errors and snapshots, each in two forms of the same data,
// CBOR for programs and JSON for people and other languages (docs/wire.md). Versioned; checked in full before anything is made of it.
import { invalid, type ErrorData } from '../base/errors.js'
import { toJson, type Json } from '../base/json.js'
import { isObject } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import { DESCRIPTORS } from '../requests/index.js'
import { isTask, TASKS, type TaskName } from '../requests/names.js'
import { RUN_FIELDS } from '../requests/run-options.js'
import type { RunOptions, TaskRequests } from '../requests/types/index.js'
import { IMAGE_STEP, resultOf, TEXT_STEP } from '../run/descriptors.js'
import type { ImageResult, TextResult } from '../run/results.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import { decodeCbor, encodeCbor, LIMITS, type Limits } from './cbor.js'
import { objectFromJson, pictureUrls } from './from-json.js'
import { checkTravelled, checkTravelledOptions } from './travelled.js'

export const WIRE_VERSION = 1

/** A result as plain data: a picture's fields without its methods. */
export type Data<T> = T extends (...args: never) => unknown
  ? never
  : { [Key in keyof T as T[Key] extends (...args: never) => unknown ? never : Key]: T[Key] }

export type Message =
  | { readonly kind: 'request'; readonly task: TaskName; readonly request: TaskRequests[TaskName]; readonly options: RunOptions }
  | { readonly kind: 'step'; readonly task: TaskName; readonly step: Data<ImageStep> | TextStep }
  | { readonly kind: 'result'; readonly task: TaskName; readonly result: Data<ImageResult> | TextResult }
  | { readonly kind: 'error'; readonly error: ErrorData }
  | { readonly kind: 'snapshot'; readonly task: TaskName; readonly snapshot: Uint8Array }

export type MessageKind = Message['kind']

/** A message as bytes. Throws `request/invalid` for what does not travel: paths, streams, functions (see `materialise`). */
export function encodeMessage(message: Message): Uint8Array {
  return encodeCbor(messageData(message))
}

/** A message as a JSON value. */
export function messageToJson(message: Message): Json {
  const data = messageData(message)
  if (message.kind !== 'request') return toJson(data)
  return toJson({ ...data, request: pictureUrls(message.request, DESCRIPTORS[message.task].fields) })
}

/** Throws `request/invalid` for anything but a whole, sound message of ours. */
export function decodeMessage(bytes: Uint8Array, limits: Limits = LIMITS): Message {
  return checkMessage(decodeCbor(bytes, limits))
}

/** The same from JSON text. Its size is bounded before, its depth and number of values while it is read. */
export function messageFromJsonText(text: string, limits: Limits = LIMITS): Message {
  return messageFromJson(parseJson(text, limits))
}

export function messageFromJson(json: unknown): Message {
  if (!isObject(json)) throw invalid(`wire: expected a message, got ${show(json)}`)
  const task = isTask(json['task']) ? json['task'] : undefined
  const restored: Record<string, unknown> = { ...json }
  if (task && json['kind'] === 'request') restored['request'] = objectFromJson(json['request'], DESCRIPTORS[task].fields)
  if (json['kind'] === 'request') restored['options'] = objectFromJson(json['options'], RUN_FIELDS)
  if (json['kind'] === 'step')
    restored['step'] = objectFromJson(json['step'], (kindOf(json['step']) === 'text' ? TEXT_STEP : IMAGE_STEP).fields)
  if (task && json['kind'] === 'result') restored['result'] = objectFromJson(json['result'], resultOf(task).fields)
  if (json['kind'] === 'snapshot')
    restored['snapshot'] = (objectFromJson(json, { snapshot: { kind: 'bytes', summary: '' } }) as { snapshot: unknown }).snapshot
  return checkMessage(restored)
}

const kindOf = (step: unknown): unknown => (isObject(step) ? step['kind'] : undefined)

/** The map that a message is. The first picture's fields stand on a result too: they are made again on the other side. */
export function messageData(message: Message): object {
  if (message.kind === 'request') {
    const { signal: _, ...options } = message.options
    checkTravelled(message.task, message.request)
    return { version: WIRE_VERSION, ...message, options }
  }
  if (message.kind !== 'result' || !('images' in message.result)) return { version: WIRE_VERSION, ...message }
  const { seed, images, timings, usage, warnings, remasked } = message.result
  return { version: WIRE_VERSION, ...message, result: { seed, images, timings, usage, warnings, remasked } }
}

function checkMessage(found: unknown): Message {
  if (!isObject(found)) throw invalid(`wire: expected a message, got ${show(found)}`)
  const { version, kind, task } = found
  if (version !== WIRE_VERSION) throw invalid(`wire: expected version ${WIRE_VERSION}, got ${show(version)}`)
  if (kind === 'error') return { kind, error: errorData(found['error']) }
  if (!isTask(task)) throw invalid(`wire: task must be one of ${TASKS.join(', ')}, got ${show(task)}`)
  switch (kind) {
    case 'request': {
      const { request, options = {} } = found // null is no options
      return { kind, task, request: checkTravelled(task, request), options: checkTravelledOptions(task, options) }
    }
    case 'step': {
      const step = found['step']
      checkOptions('wire: step', step, kindOf(step) === 'text' ? TEXT_STEP : IMAGE_STEP)
      return { kind, task, step: step as TextStep }
    }
    case 'result':
      checkOptions('wire: result', found['result'], resultOf(task))
      return { kind, task, result: found['result'] as TextResult }
    case 'snapshot':
      if (!(found['snapshot'] instanceof Uint8Array)) throw invalid(`wire: snapshot must be bytes, got ${show(found['snapshot'])}`)
      return { kind, task, snapshot: found['snapshot'] }
    default:
      throw invalid(`wire: kind must be request, step, result, error or snapshot, got ${show(kind)}`)
  }
}

function errorData(found: unknown): ErrorData {
  if (!isObject(found) || typeof found['code'] !== 'string' || typeof found['message'] !== 'string') {
    throw invalid(`wire: error must be {code, message}, got ${show(found)}`)
  }
  const { code, message, details } = found
  return { code, message, ...(isObject(details) && { details }) } as ErrorData
}

/** Bounded before it is read: depth and number of values are counted on the text. Throws `request/invalid`. */
export function parseJson(text: string, limits: Limits, what = 'wire'): unknown {
  const { maxBytes } = limits
  if (text.length > maxBytes) throw invalid(`${what}: expected at most ${maxBytes} characters, got ${text.length}`)
  checkShape(text, limits, what)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(`${what}: expected JSON (${quote((error as Error).message)})`)
  }
  refuseProto(value, what)
  return value
}

// Arrays of numbers are long where codes travel: values are bounded by the bytes then.
function checkShape(text: string, { maxDepth, maxItems }: Limits, what: string): void {
  const most = Math.max(maxItems, 8 * 65_536)
  let [depth, items] = [0, 1]
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 0x22) at = endOfString(text, at)
    else if (char === 0x7b || char === 0x5b) depth = checkDepth(depth + 1, maxDepth, what)
    else if (char === 0x7d || char === 0x5d) depth--
    else if (char === 0x2c && ++items > most) throw invalid(`${what}: expected at most ${most} values, got more`)
  }
}

// Where the string that begins here ends. Long ones, such as pictures, are skipped by the engine's own search.
function endOfString(text: string, begin: number): number {
  for (let at = begin; ;) {
    at = text.indexOf('"', at + 1)
    if (at < 0) return text.length
    let escapes = 0
    while (text.charCodeAt(at - 1 - escapes) === 0x5c) escapes++
    if (escapes % 2 === 0) return at
  }
}

function refuseProto(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value) && Object.hasOwn(value, '__proto__')) throw invalid(`${what}: the name '__proto__' must not be there`)
  for (const one of Array.isArray(value) ? (value as readonly unknown[]) : Object.values(value)) refuseProto(one, what)
}

function checkDepth(depth: number, maxDepth: number, what: string): number {
  if (depth > maxDepth) throw invalid(`${what}: expected at most ${maxDepth} levels, got more`)
  return depth
}
