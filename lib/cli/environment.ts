// Flags from the environment: `--max-queue` is `DIMOO_MAX_QUEUE` too, where the command line does not give it. Lists are separated by
// commas, switches are true or false.
import type { Command, Option } from 'commander'
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** The variable of a flag. */
export const variableOf = (flag: string): string =>
  `DIMOO_${flag
    .replace(/^--(no-)?/, '')
    .replaceAll('-', '_')
    .toUpperCase()}`

/** Flags that were not given take their values from the environment. Throws `request/invalid`, naming the variable. */
export function readEnvironment(command: Command, environment: Environment): void {
  for (const option of command.options) {
    const name = option.long === undefined || option.long === '--help' ? undefined : variableOf(option.long)
    const text = name === undefined ? undefined : environment[name]
    const source = command.getOptionValueSource(option.attributeName())
    if (name === undefined || text === undefined || text === '' || (source !== undefined && source !== 'default')) continue
    command.setOptionValueWithSource(option.attributeName(), valueOf(name, text, option), 'env')
  }
}

function valueOf(name: string, text: string, option: Option): unknown {
  if (!option.required && !option.optional) return switchOf(name, text)
  const parse = option.parseArg as ((text: string, before: unknown) => unknown) | undefined
  if (!parse) return text
  try {
    const once = parse(text, undefined)
    return Array.isArray(once) ? text.split(',').reduce<unknown>((before, part) => parse(part.trim(), before), undefined) : once
  } catch (error) {
    throw DimooError.is(error) ? invalid(`${name}: ${error.message}`) : error
  }
}

// `DIMOO_STUDIO=false` is `--no-studio`.
function switchOf(name: string, text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  throw invalid(`${name}: expected true or false, got ${show(text)}`)
}
