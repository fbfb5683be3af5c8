// What a snapshot's body must hold before anything is built from it: the engine's request and the state to go on from, in agreement with
// each other and with the header. The addon checks shapes and bounds of the request and of its state once more.
import { isObject, typedArrayName } from '../base/realm.js'
import { isRawImage, type RawImage } from '../fields/values.js'
import { checkRawImage } from '../image/raw.js'
import { PARAMETERS } from '../parameters/parameters.js'
import { accepts } from '../fields/check.js'
import { isTextTask } from '../requests/names.js'
import { MAX_FEATHER } from '../requests/paint.js'
import { isImages, type EngineRequest } from '../tasks/engine-request.js'
import { damaged, type Header } from './envelope.js'

export interface SnapshotBody {
  readonly request: EngineRequest
  /** The native state. */
  readonly state: Uint8Array
}

/** What of a request bounds its body, for the header. */
export function factsOf(request: EngineRequest): Pick<Header, 'sizes' | 'positions' | 'pixels'> {
  const { prefixes, suffixes } = request.native
  const positions = [...prefixes, ...suffixes].reduce((sum, ids) => sum + ids.length, 0)
  if (!isImages(request)) return { sizes: { tokens: request.native.length }, positions, pixels: 0 }
  const { columns, rows, seeds } = request.native
  const original = request.composite?.original
  return {
    sizes: { images: seeds.length, width: columns, height: rows },
    positions,
    pixels: original ? original.width * original.height : 0,
  }
}

type Check = (value: unknown) => boolean
type Checks = Readonly<Record<string, Check>>

const integer: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const boolean: Check = (value) => typeof value === 'boolean'
const absent: Check = (value) => value === undefined
const array =
  (name: string): Check =>
  (value) =>
    typedArrayName(value) === name
const each =
  (check: Check, max: number): Check =>
  (value) =>
    Array.isArray(value) && value.length <= max && value.every(check)
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
    isObject(value) && Object.keys(value).every((name) => name in checks) && Object.keys(checks).every((name) => checks[name]!(value[name]))

/** More tokens that end an answer than any model has. */
const MAX_ENDS = 16

const COMMON: Checks = {
  prefixes: each(array('Int32Array'), 3),
  suffixes: each(array('Int32Array'), 3),
  guidance: each(number, 2),
  seeds: array('BigUint64Array'),
  steps: integer,
  temperature: number,
  cache: optional(all({ ratio: number, warmup: number, refresh: integer })),
  noise: absent,
}

const IMAGE_REQUEST: Checks = {
  ...COMMON,
  kind: oneOf('image'),
  floor: optional(number),
  rows: integer,
  columns: integer,
  cells: array('Int32Array'),
  schedule: (value) => value === 'cosine' || value === 'linear' || typedArrayName(value) === 'Float32Array',
  start: optional(all({ tokens: array('Int32Array'), step: integer, pinned: array('Uint32Array') })),
  pixels: absent,
}

const TEXT_REQUEST: Checks = {
  ...COMMON,
  kind: oneOf('text'),
  length: integer,
  block: integer,
  remasking: oneOf('confidence', 'random'),
  threshold: optional(number),
  reuse: oneOf('none', 'prefix'),
  ends: (value) => typedArrayName(value) === 'Int32Array' && (value as Int32Array).length <= MAX_ENDS,
  compat: oneOf('none', 'reference'),
  probe: absent,
}

const { seed: _, ...PARAMETER_FIELDS } = PARAMETERS.fields
const parameters: Check = (value) =>
  isObject(value) &&
  Object.keys(value).every((name) => Object.hasOwn(PARAMETER_FIELDS, name)) &&
  Object.entries(PARAMETER_FIELDS).every(([name, field]) =>
    value[name] === undefined ? !PARAMETERS.required!.includes(name) : accepts(value[name], field),
  )

const IMAGES: Checks = {
  native: all(IMAGE_REQUEST),
  promptTokens: integer,
  n: (value) => integer(value) && (value as number) > 0,
  judged: boolean,
  parameters,
  composite: optional(all({ feather: (value) => integer(value) && (value as number) <= MAX_FEATHER, original: isRawImage })),
}

const TEXT: Checks = { native: all(TEXT_REQUEST), promptTokens: integer }

/** Throws `request/invalid` naming the part that is damaged. */
export function checkBody(header: Header, body: unknown): SnapshotBody {
  const { request, state } = isObject(body) ? body : ({} as Record<string, unknown>)
  if (typedArrayName(state) !== 'Uint8Array' || !isObject(request)) throw damaged('it holds no state')
  const checks: Checks = { task: oneOf(header.task), ...(isTextTask(header.task) ? TEXT : IMAGES) }
  const bad = Object.keys(checks).find((name) => !checks[name]!(request[name])) ?? Object.keys(request).find((name) => !(name in checks))
  if (bad !== undefined) throw damaged(`${bad} is not what it should be`)
  const found = request as unknown as EngineRequest
  checkAgreement(header, found)
  return { request: found, state: state as Uint8Array }
}

// Every size is said twice or follows from another.
function checkAgreement(header: Header, request: EngineRequest): void {
  const { sizes, positions, pixels } = factsOf(request)
  const same =
    JSON.stringify([sizes, positions, pixels, request.native.steps]) ===
    JSON.stringify([header.sizes, header.positions, header.pixels, header.steps])
  if (!same) throw damaged('its body is of other sizes than its header says')
  const { prefixes, suffixes, guidance, seeds } = request.native
  if (request.promptTokens > positions) throw damaged('its prompt is longer than its branches')
  if (prefixes.length < 1 || suffixes.length !== prefixes.length || guidance.length !== prefixes.length - 1)
    throw damaged('its branches do not add up')
  if (!isImages(request)) {
    if (seeds.length !== 1) throw damaged('an answer of several seeds')
    return
  }
  const { cells, columns, rows, start } = request.native
  const { width, height } = request.parameters
  if (width % columns !== 0 || width / columns !== height / rows) throw damaged('its parameters are of another size')
  if (cells.length !== columns * rows || (start && start.tokens.length !== cells.length)) throw damaged('its cells do not add up')
  if (request.n > seeds.length) throw damaged('more pictures than seeds')
  if (request.composite) checkOriginal(request.composite.original, request.parameters)
}

function checkOriginal(original: RawImage, { width, height }: { readonly width: number; readonly height: number }): void {
  try {
    checkRawImage(original)
  } catch (error) {
    throw damaged((error as Error).message)
  }
  if (original.width !== width || original.height !== height || original.channels !== 3) throw damaged('its picture is of another size')
}
