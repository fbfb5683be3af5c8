// `-` as a picture is standard input. It is read once, whatever names it.
import { buffer } from 'node:stream/consumers'
import { invalid } from '../base/errors.js'
import type { Field, Fields } from '../fields/field.js'
import type { Context } from './context.js'

const isPicture = (field: Field): boolean =>
  field.kind === 'picture' ||
  field.kind === 'region' ||
  (field.kind === 'list' ? isPicture(field.of) : field.kind === 'either' && field.of.some(isPicture))

/** A copy of a request in which the bytes of standard input stand for `-`. */
export async function withStdin<T extends object>(request: T, fields: Fields, context: Context): Promise<T> {
  const entries = Object.entries(request) as [string, unknown][]
  const named = entries.filter(([name, value]) => fields[name] && isPicture(fields[name]) && [value].flat().includes('-'))
  if (named.length === 0) return request
  const bytes = await stdinBytes(context)
  const given = (value: unknown): unknown => (value === '-' ? bytes : Array.isArray(value) ? value.map(given) : value)
  return Object.fromEntries(entries.map((entry) => (named.includes(entry) ? [entry[0], given(entry[1])] : entry))) as T
}

/** All of standard input. Throws `request/invalid` where a person would have to type it. */
export async function stdinBytes({ stdin }: Context): Promise<Buffer> {
  if (stdin.isTTY) throw invalid("'-' is standard input: expected a file or a pipe there, got a terminal")
  return buffer(stdin)
}
