// A file of prompts: one a line, or a JSON object a line with the fields of a request (JSONL). Empty lines are left out.
import { DimooError, invalid } from '../base/errors.js'
import { FileProblem, readRegularFile } from '../base/files.js'
import { isObject } from '../base/realm.js'
import { quote } from '../base/show.js'
import type { Context } from './context.js'
import { stdinBytes } from './stdin.js'

const MOST_BYTES = 64 << 20

/** One line. */
export interface Prompt {
  /** From 1, empty ones counted: as editors do. */
  readonly line: number
  /** From 1, empty ones not counted. */
  readonly index: number
  readonly request: Readonly<Record<string, unknown>>
}

/**
 * In a `.jsonl` file every line is an object; elsewhere a line that is one is, and any other is a prompt. `-` is standard input. Throws
 * `request/invalid` naming the line.
 */
export async function readPrompts(file: string, context: Context): Promise<Prompt[]> {
  const bytes = file === '-' ? await stdinBytes(context) : await readRegularFile(file, MOST_BYTES, context.signal).catch(refuse(file))
  const lines = decoded(bytes, file).split(/\r\n|\n|\r/)
  const found = lines.flatMap((content, i) => (content.trim() === '' ? [] : [{ line: i + 1, content: content.trim() }]))
  if (found.length === 0) throw invalid(`--prompts: expected a prompt a line, got none in ${quote(file)}`)
  const objects = /\.(jsonl|ndjson)$/i.test(file)
  return found.map(({ line, content }, i) => {
    const request = objectOf(content)
    if (objects && !request) throw invalid(`${where(file, line)}: expected a JSON object such as {"prompt": "a red circle"}`)
    return { line, index: i + 1, request: request ?? { prompt: content } }
  })
}

/** `prompts.txt, line 3`. */
export const where = (file: string, line: number): string => `${file === '-' ? 'standard input' : quote(file)}, line ${line}`

function decoded(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalid(`--prompts: expected UTF-8, got other bytes in ${quote(file)}`)
  }
}

function objectOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const found: unknown = JSON.parse(line)
    return isObject(found) ? found : undefined
  } catch {
    return undefined
  }
}

function refuse(file: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof FileProblem)) throw error
    const got = error.reason === 'missing' ? 'nothing' : error.message
    throw new DimooError('request/invalid', `--prompts: expected a file of prompts, got ${got} at ${quote(file)}`, { cause: error })
  }
}
