// Flags from fields: `onDeviceUnavailable` is `--on-device-unavailable`, `memory.panelBytes` is `--memory-panel-bytes`. What lives in one
// process only (functions, signals) is no flag. Values are checked where the API checks them.
import type { Command } from 'commander'
import { DimooError, invalid } from '../base/errors.js'
import { nearest } from '../base/nearest.js'
import { quote, show } from '../base/show.js'
import { defaultText, isLocal, type Field, type Fields, type GroupField } from '../fields/field.js'
import { isRects } from '../fields/values.js'

export interface Flag {
  /** Where the value goes, e.g. ['memory', 'panelBytes']. */
  readonly path: readonly string[]
  readonly field: Field
  /** Kebab-case, without dashes. */
  readonly name: string
  /** The name of the flag that this one is another name of. */
  readonly same?: string
}

export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The group among what a field may be: its entries are flags of their own, `--name-entry`. */
function groupOf(field: Field): GroupField | undefined {
  if (field.kind === 'group') return field
  return field.kind === 'either' ? field.of.find((one) => one.kind === 'group') : undefined
}

/** Every flag of some fields, nested ones flattened. */
export function flagsOf(fields: Fields, path: readonly string[] = []): Flag[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    if (isLocal(field) || field.flag?.form === 'none') return []
    const here = [...path, name]
    const group = field.flag?.form === 'WxH' || field.flag?.form === 'pairs' ? undefined : groupOf(field)
    const inner = group ? flagsOf(group.fields, here) : []
    // A group by itself is no flag, unless it means something when nothing follows it.
    if (field.kind === 'group' && group && field.flag?.bare === undefined) return inner
    return [...namesOf(here, field).map((flag, i, all) => ({ path: here, field, name: flag, ...(i > 0 && { same: all[0]! }) })), ...inner]
  })
}

// A list is a flag that may be given several times: `images` is `--image`.
function namesOf(path: readonly string[], field: Field): string[] {
  const name = path.map(kebab).join('-')
  return [field.kind === 'list' ? name.replace(/s$/, '') : name, ...(field.flag?.also ?? [])]
}

/** A flag as `--help` shows it: `--steps <n>`, `--cache [ratio=...]` where the value may be left out, `--composite` where there is none. */
function usage({ name, field }: Flag): string {
  const { bare } = field.flag ?? {}
  const value = field.flag?.value ?? (bare === undefined ? valueWord(field) : undefined)
  const shown = bare === undefined ? ` <${value}>` : value === undefined ? '' : ` [${value}]`
  return `--${name}${shown}`
}

function valueWord(field: Field): string {
  switch (field.kind) {
    case 'integer':
    case 'seed':
      return 'n'
    case 'number':
      return 'x'
    case 'choice':
      return field.values.join('|')
    case 'picture':
      return 'file'
    default:
      return 'text'
  }
}

/** The text of `--help`: what the flag is, and what it is when left out. */
function helpOf({ field, same }: Flag): string {
  if (same !== undefined) return `the same as --${same}`
  const help = field.flag?.help ?? field.summary.replace(/\.$/, '').replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase())
  const found = field.default
  const isSaid = !found || /default:/i.test(help) || ('value' in found && (found.value === false || found.value === ''))
  return isSaid ? help : `${help} (default: ${defaultText(found)})`
}

export function addFlags(command: Command, fields: Fields): Command {
  for (const flag of flagsOf(fields)) {
    const { bare, value } = flag.field.flag ?? {}
    if (flag.field.kind === 'boolean' || (bare !== undefined && value === undefined)) command.option(`--${flag.name}`, helpOf(flag))
    else command.option(usage(flag), helpOf(flag), parser(flag))
  }
  return command
}

function parser(flag: Flag): (text: string, before: unknown) => unknown {
  const { field } = flag
  const bare = field.flag?.bare
  return (text, before) => {
    try {
      const next = text === '' && bare !== undefined ? structuredClone(bare) : parse(text, field)
      if (field.kind === 'list') return [...((before as unknown[] | undefined) ?? []), next]
      return before !== undefined && isRegional(field) ? joined(before, next) : next
    } catch (error) {
      throw DimooError.is(error) ? invalid(`--${flag.name}: ${error.message}`) : error
    }
  }
}

const isRegional = (field: Field): boolean =>
  field.kind === 'region' || (field.kind === 'either' && field.of.some(({ kind }) => kind === 'region'))

function joined(before: unknown, next: unknown): unknown {
  if (isRects(before) && isRects(next)) return [before, next].flat()
  throw invalid('expected one picture or rectangles, got two of which one is a picture')
}

/** The command line's text as the value that it stands for; what is none stays text, so that the message shows what was typed. */
function parse(text: string, field: Field): unknown {
  switch (field.flag?.form) {
    case 'WxH':
      return parseRatio(text)
    case 'pairs':
      return parsePairs(text, field)
    case 'bytes':
      return parseBytes(text)
    default:
  }
  switch (field.kind) {
    case 'integer':
    case 'number':
      return toNumber(text)
    case 'seed':
      return parseSeed(text)
    case 'region':
      return parseRegion(text)
    case 'list':
      return parse(text, field.of)
    case 'either':
      return parseEither(text, field.of)
    default:
      return text
  }
}

function parseEither(text: string, of: readonly Field[]): unknown {
  if (of.some((one) => one.kind === 'choice' && one.values.includes(text))) return text
  const other = of.find(({ kind }) => kind !== 'choice' && kind !== 'group' && kind !== 'boolean')
  return other ? parse(text, other) : text
}

const toNumber = (text: string): unknown => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text))

function parseSeed(text: string): string {
  if (/^\d{1,20}$/.test(text)) return text
  throw invalid(`expected a whole number from 0 to ${2n ** 64n - 1n}, got ${show(text)}`)
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
}

// "4GB", "512MiB", "1000".
function parseBytes(text: string): unknown {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim()) ?? []
  if (number === undefined) throw invalid(`expected bytes such as 4GB or 512MiB, got ${show(text)}`)
  return Math.round(Number(number) * UNITS[(unit ?? '').toLowerCase()]!)
}

// "ratio=0.9,refresh=5", or a word that the field knows.
function parsePairs(text: string, field: Field): unknown {
  const group = groupOf(field)
  const word = field.kind === 'either' ? field.of.find((one) => one.kind === 'choice' && one.values.includes(text)) : undefined
  if (word ?? !group) return text
  const names = Object.keys(group.fields)
  const pairs = text.split(',').map((part) => {
    const [name = '', value] = part.split('=')
    if (!names.includes(name)) {
      const meant = nearest(name, names)
      throw invalid(
        `${show(name)} is unknown${meant ? ` (did you mean ${meant}?)` : ''}; expected ${names.map((one) => `${one}=...`).join(',')}`,
      )
    }
    return [name, toNumber(value ?? '')] as const
  })
  return Object.fromEntries(pairs)
}

// "16,8,32,32" is a rectangle; anything else a path, but for what looks like numbers.
function parseRegion(text: string): unknown {
  const [left, top, width, height] = (/^(-?\d+),(-?\d+),(\d+),(\d+)$/.exec(text) ?? []).slice(1).map(Number)
  if (height !== undefined) {
    if (width! > 0 && height > 0) return { left, top, width, height }
    throw invalid(`expected a rectangle x,y,w,h of at least one pixel, got ${show(text)}`)
  }
  if (/^[-\d.\s]+([,;x][-\d.\s]*)+$/.test(text)) {
    throw invalid(`expected a picture, or a rectangle x,y,w,h of whole pixels such as 8,8,32,32, got ${show(text)}`)
  }
  return text
}

// "0.5x0.25": width x height.
function parseRatio(text: string): unknown {
  const numbers = /^([\d.]+)x([\d.]+)$/.exec(text)
  const [width, height] = [Number(numbers?.[1]), Number(numbers?.[2])]
  if (width > 0 && width <= 1 && height > 0 && height <= 1) return { width, height }
  throw invalid(`expected WxH, shares of the sides over 0 and at most 1 such as 0.5x0.25, got ${show(text)}`)
}

/**
 * Arguments in which a flag whose value may be left out takes none but its own kind: in `--cache "a red circle"` the circle is the
 * prompt, in `--cache ratio=0.5` the ratio is the cache's. After `--` everything is text.
 */
export function withoutStrayValues(argv: readonly string[], { options }: Pick<Command, 'options'>): string[] {
  const names = options.filter(({ optional }) => optional).map(({ long }) => long)
  const end = argv.indexOf('--')
  const words = /^[a-z]+=/
  return argv.map((arg, i) => ((end < 0 || i < end) && names.includes(arg) && !words.test(argv[i + 1] ?? '') ? `${arg}=` : arg))
}

/** The options object that the flags spell; what was not given is absent. */
export function readFlags<T>(options: Readonly<Record<string, unknown>>, fields: Fields): T {
  const found: Record<string, unknown> = {}
  const groups = new Set<unknown>([found])
  const given = new Map<string, string>()
  const group = (of: Record<string, unknown>, name: string): Record<string, unknown> => {
    if (of[name] === undefined) groups.add((of[name] = {}))
    return of[name] as Record<string, unknown>
  }
  for (const { path, field, name } of flagsOf(fields)) {
    const value = options[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
    if (value === undefined) continue
    const place = path.join('.')
    if (given.has(place)) throw invalid(`--${name} is --${given.get(place)!}: expected one of them, got both`)
    given.set(place, name)
    const target = path.slice(0, -1).reduce(group, found)
    // A mask that is a picture or a rectangle has no place for a ratio.
    if (!groups.has(target)) throw invalid(`--${name} must not be given with --${path.slice(0, -1).map(kebab).join('-')}`)
    const bare = value === true && field.flag?.bare !== undefined
    // `--guidance 2` is a group of one, which `--guidance-floor` may add to.
    const short = field.kind === 'either' && typeof value !== 'object' ? field.short : undefined
    const whole = short === undefined ? value : { [short]: value }
    target[path.at(-1)!] = bare ? structuredClone(field.flag.bare) : whole
    if (bare || short !== undefined) groups.add(target[path.at(-1)!])
  }
  return found as T
}

/** Throws `request/invalid` for the first of the fields `names` that no flag has given, in the words of the command line. */
export function checkGiven(where: string, request: object, fields: Fields, names: readonly string[]): void {
  for (const name of names) {
    if ((request as Record<string, unknown>)[name] !== undefined) continue
    const flags = flagsOf({ [name]: fields[name]! }).filter(({ same }) => same === undefined)
    const shown = flags.map(usage)
    throw invalid(`${where}: expected ${shown.length === 1 ? shown[0]! : `one of ${shown.join(', ')}`}, got none`)
  }
}

/** The one argument of a command, where it has one: several are one text that the shell has split. */
export function oneArgument(command: Command, what: string | undefined): string | undefined {
  const { args } = command
  const most = what === undefined ? 0 : 1
  if (args.length <= most) return args[0]
  const words = args.slice(0, 20).join(' ')
  const cure = what === undefined ? 'no argument' : `${what} in quotes, as in dimoo ${command.name()} "${quote(words, 60)}"`
  throw invalid(`${command.name()}: expected ${cure}, got ${args.length} ${args.length === 1 ? 'argument' : 'arguments'}`)
}
