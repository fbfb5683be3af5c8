// Values against their fields: unknown names, missing ones and values that break a rule are refused, with a message that names the field,
// the rule and the value. A field is checked here and nowhere else.
import { invalid } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import { hasMethods, isAbortSignal, isObject, isTypedArray, typedArrayName } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { MAX_TEXT_BYTES, type EitherField, type Field, type Fields, type GroupField, type ListField, type RecordField } from './field.js'
import { isPicture, isRegion } from './values.js'
import { ruleOf } from './rules.js'

/** What an object of options may hold. */
export interface Shape {
  readonly fields: Fields
  readonly required?: readonly string[]
  /** Where options belong that somebody may look for here, by their names. */
  readonly elsewhere?: Readonly<Record<string, string>>
}

/** Checks a whole object. `where` begins every message, e.g. "generate". Throws `request/invalid`. */
export function checkOptions(where: string, options: unknown, shape: Shape): void {
  if (!isObject(options)) throw invalid(`${where}: expected an object of options, got ${show(options)}`)
  const { fields, required = [], elsewhere = {} } = shape
  for (const [name, value] of Object.entries(options)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (!field) throw unknownOption(where, name, fields, elsewhere)
    if (value !== undefined) checkField(where, name, value, field)
  }
  for (const name of required) {
    if (options[name] === undefined) throw invalid(`${where}: ${name} must be ${ruleOf(fields[name]!)}, got undefined`)
  }
}

function unknownOption(where: string, name: string, fields: Fields, elsewhere: Readonly<Record<string, string>>): Error {
  const known = Object.keys(fields)
  const place = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined
  const meant = place === undefined ? nearest(name, known) : undefined
  const hint = place ? ` (it belongs ${place})` : meant ? ` (did you mean '${meant}'?)` : ''
  return invalid(`${where}: unknown option '${quote(name, 60)}'${hint}; known are ${known.join(', ')}`)
}

/** Checks one value. Throws `request/invalid`. */
export function checkField(where: string, name: string, value: unknown, field: Field): void {
  switch (field.kind) {
    case 'group':
      checkGroup(where, name, value, field)
      return
    case 'either':
      checkEither(where, name, value, field)
      return
    case 'list':
      checkList(where, name, value, field)
      return
    case 'record':
      checkRecord(where, name, value, field)
      return
    default:
      if (!fits(value, field)) throw invalid(`${where}: ${name} must be ${ruleOf(field)}, got ${show(value)}`)
      if (field.kind === 'text') checkTextBytes(`${where}: ${name}`, value as string, field.maxBytes)
  }
}

/** Whether a value keeps the rule of its field, for whoever has words of its own. */
export function accepts(value: unknown, field: Field): boolean {
  try {
    checkField('', '', value, field)
    return true
  } catch {
    return false
  }
}

function checkGroup(where: string, name: string, value: unknown, field: GroupField): void {
  if (!isObject(value)) throw invalid(`${where}: ${name} must be ${ruleOf(field)}, got ${show(value)}`)
  // A rule of its own says more than the rule of one entry.
  const whole =
    field.rule !== undefined && !Object.keys(field.fields).every((key) => key in value && accepts(value[key], field.fields[key]!))
  if (whole) throw invalid(`${where}: ${name} must be ${ruleOf(field)}, got ${show(value)}`)
  checkOptions(`${where}: ${name}`, value, field)
}

// An object is meant for the group among the choices, so that what is wrong inside of it is named.
function checkEither(where: string, name: string, value: unknown, field: EitherField): void {
  if (field.of.some((one) => one.kind !== 'group' && one.kind !== 'list' && fits(value, one))) return
  const group = isObject(value) && !isTypedArray(value) ? field.of.find((one) => one.kind === 'group' && meantFor(value, one)) : undefined
  const list = Array.isArray(value) ? field.of.find((one) => one.kind === 'list') : undefined
  const meant = group ?? list
  if (!meant) throw invalid(`${where}: ${name} must be ${ruleOf(field)}, got ${show(value)}`)
  checkField(where, name, value, meant)
}

// Beside a picture or a region, which are objects too, a group must be told by its own names.
function meantFor(value: Readonly<Record<string, unknown>>, group: GroupField): boolean {
  return group.required === undefined || group.required.some((name) => name in value)
}

function checkList(where: string, name: string, value: unknown, field: ListField): void {
  const { of, min = 0, max, empty } = field
  if (Array.isArray(value) && value.length === 0 && min > 0 && empty) throw invalid(`${where}: ${name} must be ${empty}`)
  if (!Array.isArray(value) || value.length > max || value.length < min) {
    const got = Array.isArray(value) ? `${value.length}` : show(value)
    throw invalid(`${where}: ${name} must be ${ruleOf(field)}, got ${got}`)
  }
  value.forEach((one: unknown, i) => checkItem(where, `${name}[${i}]`, one, of))
}

function checkRecord(where: string, name: string, value: unknown, field: RecordField): void {
  if (!isObject(value) || Object.keys(value).length > field.max)
    throw invalid(`${where}: ${name} must be ${ruleOf(field)}, got ${show(value)}`)
  for (const [key, one] of Object.entries(value)) checkField(where, `${name}.${quote(key, 40)}`, one, field.of)
}

// `messages[1].role` says where inside of an item.
function checkItem(where: string, name: string, value: unknown, field: Field): void {
  if (field.kind !== 'group' || !isObject(value)) {
    checkField(where, name, value, field)
    return
  }
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(field.fields, key)) throw unknownOption(`${where}: ${name}`, key, field.fields, {})
  }
  for (const [key, one] of Object.entries(field.fields)) {
    if (value[key] !== undefined || field.required?.includes(key)) checkField(where, `${name}.${key}`, value[key], one)
  }
}

const MAX_SEED = 2n ** 64n - 1n

/** Whether a value that is no group, list or choice of kinds keeps its rule. */
function fits(value: unknown, field: Field): boolean {
  switch (field.kind) {
    case 'integer': {
      const { min, max = Infinity, multipleOf = 1 } = field
      return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max && (value as number) % multipleOf === 0
    }
    case 'number':
      return (
        Number.isFinite(value) &&
        (field.over ? (value as number) > field.min : (value as number) >= field.min) &&
        (value as number) <= field.max
      )
    case 'boolean':
      return typeof value === 'boolean' && (field.only === undefined || value === field.only)
    case 'text':
      return typeof value === 'string' && (field.pattern === undefined || new RegExp(`^(?:${field.pattern})$`, 'u').test(value))
    case 'choice':
      return field.values.includes(value as string)
    case 'seed':
      return isSeed(value)
    case 'picture':
      return isPicture(value)
    case 'region':
      return isRegion(value)
    case 'schedule':
      return value === 'cosine' || value === 'linear' || typeof value === 'function' || isShares(value)
    case 'bytes':
      return typedArrayName(value) === 'Uint8Array'
    case 'i32':
      return typedArrayName(value) === 'Int32Array'
    case 'u32':
      return typedArrayName(value) === 'Uint32Array'
    case 'f32':
      return typedArrayName(value) === 'Float32Array'
    case 'signal':
      return isAbortSignal(value)
    case 'function':
      return typeof value === 'function'
    case 'logger':
      return hasMethods(value, ['debug', 'info', 'warn', 'error'])
    default:
      return true
  }
}

/** Every unsigned 64-bit integer is a seed, 0 included. Beyond 2^53 a number has lost digits. */
function isSeed(value: unknown): boolean {
  if (typeof value === 'string') return /^\d{1,20}$/.test(value) && BigInt(value) <= MAX_SEED
  return typeof value === 'bigint' ? value >= 0n && value <= MAX_SEED : Number.isSafeInteger(value) && (value as number) >= 0
}

const MAX_SHARES = 4096

function isShares(value: unknown): boolean {
  const isShare = (one: unknown): boolean => typeof one === 'number' && one >= 0 && one <= 1
  return (Array.isArray(value) || isTypedArray(value)) && value.length > 0 && value.length <= MAX_SHARES && Array.from(value).every(isShare)
}

/** Throws `request/invalid` for a text that is too long to be tokenised. */
export function checkTextBytes(what: string, text: string, max = MAX_TEXT_BYTES): void {
  // A character is at most three bytes, so that most texts need no count.
  if (text.length * 3 <= max) return
  const bytes = new TextEncoder().encode(text).length
  if (bytes > max) throw invalid(`${what} must be at most ${max} bytes of UTF-8, got ${bytes}`)
}
