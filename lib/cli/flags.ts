// Flags from the tables of options: `onDeviceUnavailable` is `--on-device-unavailable`, `memory.panelBytes` is
// `--memory-panel-bytes`. A field without help (functions, signals) is no flag. Values are checked where the API checks them.
import type { Command } from 'commander'
import { DimooError, invalid } from '../base/errors.js'
import type { Field, Fields } from '../fields/validate.js'

interface Flag {
  /** Where the value goes, e.g. ['memory', 'panelBytes']. */
  readonly path: readonly string[]
  readonly field: Field
}

export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Every flag of a table, nested ones flattened. */
export function flagsOf(fields: Fields, path: readonly string[] = []): Flag[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const own = field.help === undefined ? [] : [{ path: [...path, name], field }]
    return field.fields ? [...own, ...flagsOf(field.fields, [...path, name])] : own
  })
}

/** A list is a flag that may be given several times: `images` is `--image`. */
export function flagName({ path, field }: Flag): string {
  const name = path.map(kebab).join('-')
  return field.many ? name.replace(/s$/, '') : name
}

/** A flag as `--help` shows it: `--steps <n>`, `--cache [ratio=...]` where the value may be left out, `--composite` where there is none. */
function usage(flag: Flag): string {
  const { value, bare } = flag.field
  const shown = bare === undefined ? ` <${value ?? 'text'}>` : value === undefined ? '' : ` [${value}]`
  return `--${flagName(flag)}${shown}`
}

export function addFlags(command: Command, fields: Fields): Command {
  for (const flag of flagsOf(fields)) {
    const { help = '', value, bare } = flag.field
    if (bare !== undefined && value === undefined) command.option(usage(flag), help)
    else command.option(usage(flag), help, parser(flag))
  }
  return command
}

function parser(flag: Flag): (text: string, before: unknown) => unknown {
  const { parse = (text: string): unknown => text, many, join, bare } = flag.field
  return (text, before) => {
    try {
      const next = text === '' && bare !== undefined ? bare : parse(text)
      if (many) return [...((before as unknown[] | undefined) ?? []), next]
      return join && before !== undefined ? join(before, next) : next
    } catch (error) {
      throw DimooError.is(error) ? invalid(`--${flagName(flag)}: ${error.message}`) : error
    }
  }
}

/**
 * Arguments in which a flag whose value may be left out takes none but its own kind: in `--cache "a red circle"` the circle is the
 * prompt, in `--cache ratio=0.5` the ratio is the cache's.
 */
export function withoutStrayValues(argv: readonly string[], { options }: Pick<Command, 'options'>): string[] {
  const names = options.filter(({ optional }) => optional).map(({ long }) => long)
  return argv.map((arg, i) => (names.includes(arg) && !/^[a-z]+=/.test(argv[i + 1] ?? '') ? `${arg}=` : arg))
}

/** The options object that the flags spell; what was not given is absent. */
export function readFlags<T>(options: Readonly<Record<string, unknown>>, fields: Fields): T {
  const found: Record<string, unknown> = {}
  const groups = new Set<unknown>([found])
  const group = (of: Record<string, unknown>, name: string): Record<string, unknown> => {
    if (of[name] === undefined) groups.add((of[name] = {}))
    return of[name] as Record<string, unknown>
  }
  for (const flag of flagsOf(fields)) {
    const { path, field } = flag
    const given = options[flagName(flag).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
    if (given === undefined) continue
    const target = path.slice(0, -1).reduce(group, found)
    // A mask that is a picture or a rectangle has no place for a ratio.
    if (!groups.has(target)) throw invalid(`--${flagName(flag)} must not be given with --${path.slice(0, -1).map(kebab).join('-')}`)
    const bare = given === true && field.bare !== undefined
    target[path.at(-1)!] = bare ? structuredClone(field.bare) : given
    // `--guidance 2` is a group of one, which `--guidance-floor` may add to.
    if (bare || (field.fields && field.isGroup?.(given))) groups.add(target[path.at(-1)!])
  }
  return found as T
}

/** Throws `request/invalid` for the first of the fields `names` that no flag has given, in the words of the command line. */
export function checkGiven(where: string, request: object, fields: Fields, names: readonly string[]): void {
  for (const name of names) {
    if ((request as Record<string, unknown>)[name] !== undefined) continue
    const flags = flagsOf({ [name]: fields[name]! }).map(usage)
    throw invalid(`${where}: expected ${flags.length === 1 ? flags[0]! : `one of ${flags.join(', ')}`}, got none`)
  }
}
