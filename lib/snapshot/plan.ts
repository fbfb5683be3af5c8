// Which values a snapshot's body must hold before anything is built from it: the complete native request and what its result needs.
// The addon checks shapes and bounds of the request itself once more.
import { isRawImage, checkRawImage } from '../image/raw.js'
import { isText, type TaskName } from '../requests/index.js'
import { isImagePlan, type TaskPlan } from '../tasks/context.js'
import { isObject } from '../fields/validate.js'
import { damaged } from './values.js'

export interface SnapshotBody {
  readonly plan: TaskPlan
  /** The native state. */
  readonly state: Uint8Array
}

type Check = (value: unknown) => boolean
type Checks = Readonly<Record<string, Check>>

const integer: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const text: Check = (value) => typeof value === 'string'
const boolean: Check = (value) => typeof value === 'boolean'
const array =
  (type: abstract new (...none: never[]) => unknown): Check =>
  (value) =>
    value instanceof type
const each =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const oneOf =
  (...choices: readonly unknown[]): Check =>
  (value) =>
    choices.includes(value)
const all =
  (checks: Checks): Check =>
  (value) =>
    isObject(value) && Object.keys(checks).every((name) => checks[name]!((value as Record<string, unknown>)[name]))

const COMMON: Checks = {
  prefixes: each(array(Int32Array)),
  suffixes: each(array(Int32Array)),
  guidance: each(number),
  seeds: array(BigUint64Array),
  steps: integer,
  temperature: number,
  cache: optional(all({ ratio: number, warmup: number, refresh: integer })),
  noise: (value) => value === undefined,
}

const IMAGE_REQUEST: Checks = {
  ...COMMON,
  kind: oneOf('image'),
  rows: integer,
  columns: integer,
  cells: array(Int32Array),
  floor: optional(number),
  schedule: (value) => value === 'cosine' || value === 'linear' || value instanceof Float32Array,
}

const TEXT_REQUEST: Checks = {
  ...COMMON,
  kind: oneOf('text'),
  length: integer,
  block: integer,
  remasking: oneOf('confidence', 'random'),
  threshold: optional(number),
  reuse: oneOf('none', 'prefix'),
  ends: array(Int32Array),
  compat: oneOf('none', 'reference'),
  probe: (value) => value === undefined,
}

const IMAGE_PLAN: Checks = {
  request: all(IMAGE_REQUEST),
  promptTokens: integer,
  n: (value) => integer(value) && (value as number) > 0,
  judged: boolean,
  parameters: all({ version: integer, task: text, prompt: text, model: isObject }),
  composite: optional(all({ feather: integer, original: isRawImage })),
}

const TEXT_PLAN: Checks = { request: all(TEXT_REQUEST), promptTokens: integer }

/** Throws `request/invalid` naming the part that is damaged. */
export function checkBody(task: TaskName, body: unknown): SnapshotBody {
  const { plan, state } = (isObject(body) ? body : {}) as Record<string, unknown>
  if (!(state instanceof Uint8Array) || !isObject(plan)) throw damaged('it holds no state')
  const checks: Checks = { task: oneOf(task), ...(isText(task) ? TEXT_PLAN : IMAGE_PLAN) }
  const bad = Object.keys(checks).find((name) => !checks[name]!((plan as Record<string, unknown>)[name]))
  if (bad !== undefined) throw damaged(`${bad} is not what it should be`)
  const found = plan as TaskPlan
  if (isImagePlan(found) && found.composite) checkRawImage(found.composite.original)
  return { plan: found, state }
}
