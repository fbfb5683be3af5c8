// Flags from the tables of options: `onDeviceUnavailable` is `--on-device-unavailable`, `memory.panelBytes` is
// `--memory-panel-bytes`. A field without help (functions, signals) is no flag. Values are checked where the API checks them.
import type { Command } from 'commander'
import { invalid } from '../errors.js'
import type { Field, Fields } from '../validate.js'

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

export function addFlags(command: Command, fields: Fields): Command {
  for (const flag of flagsOf(fields)) {
    const { help = '', value = 'text', many } = flag.field
    const one = flag.field.parse ?? ((text: string): unknown => text)
    const parse = (text: string, before: unknown): unknown => (many ? [...((before as unknown[] | undefined) ?? []), one(text)] : one(text))
    // A value in brackets may be left out; the flag then reads as true.
    command.option(`--${flagName(flag)} ${flag.field.bare === undefined ? `<${value}>` : `[${value}]`}`, help, parse)
  }
  return command
}

/** The options object that the flags spell; what was not given is absent. */
export function readFlags<T>(options: Readonly<Record<string, unknown>>, fields: Fields): T {
  const found: Record<string, unknown> = {}
  for (const flag of flagsOf(fields)) {
    const { path } = flag
    const value = options[flagName(flag).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
    if (value === undefined) continue
    const [last, ...outer] = [...path].reverse()
    const target = outer.reduceRight((at, name) => (at[name] ??= {}) as Record<string, unknown>, found)
    if (typeof target !== 'object') throw invalid(`--${flagName(flag)} must not be given with --${outer.map(kebab).join('-')}`)
    target[last!] = value
  }
  return found as T
}
