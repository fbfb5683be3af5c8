// Options are validated once, here, against a table per options object: unknown ones are refused by name, and every message
// names the option, the rule and the value. The command line derives its flags from the same tables (lib/cli/flags.ts).
import { invalid } from '../base/errors.js'

/** One option: its rule, and the words of `--help`. */
export interface Field<T = unknown> {
  /** Returns the value, or the rule that it breaks ("an integer from 1 to 64"). */
  readonly check: (value: unknown) => { readonly value: T } | { readonly rule: string }
  /** What `--help` says; absent: not a flag (functions and signals). */
  readonly help?: string
  /** How `--help` calls the value, e.g. "n" or "cpu|cuda". */
  readonly value?: string
  /** How the command line's text becomes the value. */
  readonly parse?: (text: string) => unknown
  /** What the flag stands for when nothing follows it (`--cache`); without `value` nothing can (`--composite`). */
  readonly bare?: unknown
  /** An array: the flag may be given several times. */
  readonly many?: boolean
  /** What a flag that is given again makes of both values (`--region` twice); without it the last one counts. */
  readonly join?: (before: unknown, next: unknown) => unknown
  /** An object of further options, flattened to `--name-sub`. */
  readonly fields?: Fields
  /** Which values are such an object; default all. `check` is asked in any case. */
  readonly isGroup?: (value: unknown) => boolean
}
export type Fields = Readonly<Record<string, Field>>

interface Words {
  readonly help?: string
  readonly value?: string
}

/** Checks a whole options object. `where` begins every message, e.g. "generate". */
export function checkOptions(where: string, options: unknown, fields: Fields): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`${where}: expected an object of options, got ${show(options)}`)
  }
  for (const [name, value] of Object.entries(options)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (!field) throw invalid(`${where}: unknown option '${name}'; known are ${Object.keys(fields).join(', ')}`)
    if (value === undefined) continue
    if (field.fields && (field.isGroup?.(value) ?? true)) checkOptions(`${where}: ${name}`, value, field.fields)
    const found = field.check(value)
    if ('rule' in found) throw invalid(`${where}: ${name} must be ${found.rule}, got ${show(value)}`)
  }
}

/** Throws `request/invalid` for the first of `names` that is missing. */
export function checkRequired(where: string, options: object, fields: Fields, names: readonly string[]): void {
  for (const name of names) {
    if ((options as Record<string, unknown>)[name] !== undefined) continue
    const found = fields[name]!.check(undefined)
    throw invalid(`${where}: ${name} must be ${'rule' in found ? found.rule : 'given'}, got undefined`)
  }
}

function rule<T>(text: string, test: (value: unknown) => boolean, words: Words, parse?: (text: string) => unknown): Field<T> {
  const check = (value: unknown): { value: T } | { rule: string } => (test(value) ? { value: value as T } : { rule: text })
  return { check, ...words, ...(parse && { parse }) }
}

// Text that is no number stays text, so that the message shows what was typed.
const toNumber = (text: string): unknown => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text))

const MAX_SEED = 2n ** 64n - 1n

export function integer(min: number, max: number, words: Words = {}): Field<number> {
  const text = max === Infinity ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  const test = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
  return rule(text, test, { value: 'n', ...words }, toNumber)
}

export function number(min: number, max: number, words: Words = {}): Field<number> {
  const test = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= min && (value as number) <= max
  return rule(`a number from ${min} to ${max}`, test, { value: 'x', ...words }, toNumber)
}

export function oneOf<T extends string>(choices: readonly T[], words: Words = {}): Field<T> {
  const text = `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`
  return rule(text, (value) => (choices as readonly unknown[]).includes(value), { value: choices.join('|'), ...words })
}

export function matching(pattern: RegExp, text: string, words: Words = {}): Field<string> {
  return rule(text, (value) => typeof value === 'string' && pattern.test(value), words)
}

export function string(words: Words = {}): Field<string> {
  return rule('a string', (value) => typeof value === 'string', words)
}

export function boolean(words: Words = {}): Field<boolean> {
  return rule('true or false', (value) => typeof value === 'boolean', words)
}

export function callback(): Field {
  return rule('a function', (value) => typeof value === 'function', {})
}

export function signal(): Field<AbortSignal> {
  return rule('an AbortSignal', (value) => value instanceof AbortSignal, {})
}

/** An object of further options; its own are checked by `checkOptions`. */
export function group(fields: Fields, words: Pick<Field, 'help' | 'bare'> = {}): Field {
  return { ...rule('an object', isObject, words), fields, ...(words.bare !== undefined && { bare: words.bare }) }
}

/** One value, or an object of further options. */
export function valueOrGroup(
  text: string,
  test: (value: unknown) => boolean,
  fields: Fields,
  words: Omit<Field, 'check' | 'fields'>,
): Field {
  const check = (value: unknown): { value: unknown } | { rule: string } => (isObject(value) || test(value) ? { value } : { rule: text })
  return { check, isGroup: isObject, fields, ...words }
}

/** A list of whatever `item` allows. */
export function list(item: Field, max: number, words: Words = {}): Field {
  const check = (value: unknown): { value: unknown } | { rule: string } => {
    if (!Array.isArray(value) || value.length > max) return { rule: `an array of at most ${max}` }
    const bad = value.map((one: unknown) => item.check(one)).find((found) => 'rule' in found)
    return bad && 'rule' in bad ? { rule: `an array of which each is ${bad.rule}` } : { value }
  }
  return { check, many: true, ...words, ...(item.parse && { parse: item.parse }) }
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Any value of another kind: what may be wrong with it is found where it is used. */
export function anything(text: string, test: (value: unknown) => boolean, words: Words & Pick<Field, 'parse'> = {}): Field {
  return rule(text, test, words, words.parse)
}

/** An object with these methods. */
export function methods(names: readonly string[]): Field {
  const has = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && names.every((name) => typeof (value as never)[name] === 'function')
  return rule(`an object with the functions ${names.join(', ')}`, has, {})
}

/** Every unsigned 64-bit integer is a seed, 0 included. Beyond 2^53 a number has lost digits: a bigint is asked for. */
export function seed(words: Words = {}): Field<number | bigint> {
  const test = (value: unknown): boolean =>
    typeof value === 'bigint' ? value >= 0n && value <= MAX_SEED : Number.isSafeInteger(value) && (value as number) >= 0
  const parse = (text: string): unknown => (/^\d+$/.test(text) ? BigInt(text) : text)
  return rule('an integer from 0 to 2^53 - 1, or a bigint up to 2^64 - 1', test, { value: 'n', ...words }, parse)
}

/** Names of a fixed set, or a function from progress to share. */
export function choiceOrFunction(choices: readonly string[], words: Words = {}): Field {
  const text = `${choices.map((choice) => `'${choice}'`).join(', ')} or a function`
  const test = (value: unknown): boolean => typeof value === 'function' || choices.includes(value as string)
  return rule(text, test, { value: choices.join('|'), ...words })
}

/** Longest text that is tokenised, in bytes of UTF-8. */
export const MAX_TEXT_BYTES = 256 * 1024

export function checkTextBytes(what: string, text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_TEXT_BYTES) throw invalid(`${what} must be at most ${MAX_TEXT_BYTES} bytes of UTF-8, got ${bytes}`)
}

/** A value as a message shows it: short, one line. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  const text = typeof value === 'string' ? `'${value.replace(/\s+/g, ' ')}'` : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
