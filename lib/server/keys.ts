// API keys: kept as hashes, compared in constant time with all of them, so that neither memory nor time tells one.
import { createHash, timingSafeEqual } from 'node:crypto'
import { invalid } from '../base/errors.js'
import { quote } from '../base/show.js'
import type { ApiKey } from './types.js'

/** Who asks. Without keys everybody is the one nameless client. */
export interface Client {
  /** The key's name; '' without keys. */
  readonly name: string
  readonly rate?: number
  readonly concurrency?: number
}

export const NOBODY: Client = { name: '' }

const hash = (key: string): Buffer => createHash('sha256').update(key, 'utf8').digest()

export class KeyRing {
  readonly #keys: readonly { readonly digest: Buffer; readonly client: Client }[]

  /** Throws `request/invalid` for two keys of one name, or one key twice. */
  constructor(keys: readonly ApiKey[]) {
    for (const part of ['name', 'key'] as const) {
      const twice = keys.find((one, i) => keys.findIndex((other) => other[part] === one[part]) !== i)
      if (twice) throw invalid(`createServer: apiKeys must have each ${part} once, got two of ${quote(twice.name)}`)
    }
    this.#keys = keys.map(({ key, ...client }) => ({ digest: hash(key), client }))
  }

  get empty(): boolean {
    return this.#keys.length === 0
  }

  /** Whose key it is. */
  find(key: string): Client | undefined {
    const digest = hash(key)
    let found: Client | undefined
    for (const one of this.#keys) if (timingSafeEqual(one.digest, digest)) found = one.client
    return found
  }
}

/** The secret that a request shows: `Authorization: Bearer`, or the password of `Basic` as A1111's clients send it. */
export function keyOf(authorization: string | undefined): string | undefined {
  const [, scheme, value] = /^(Bearer|Basic) +(\S+)$/i.exec(authorization ?? '') ?? []
  if (value === undefined) return undefined
  if (scheme!.toLowerCase() === 'bearer') return value
  const [, password] = /^[^:]*:(.*)$/s.exec(Buffer.from(value, 'base64').toString('utf8')) ?? []
  return password
}

/**
 * A file of keys: one a line, `name key [rate=60] [concurrency=4]`; empty lines and what follows `#` do not count.
 * Throws `request/invalid` with the number of the line, never with what stands in it; and where there is none: without keys everybody would
 * come in.
 */
export function parseKeys(text: string): ApiKey[] {
  const keys = text.split(/\r?\n/).flatMap((line, i) => {
    const [name, key, ...rest] = line
      .replace(/(^|\s)#.*$/, '')
      .trim()
      .split(/\s+/) as [string, ...string[]]
    if (name === '') return []
    const limits = rest.map((word) => /^(rate|concurrency)=(\d+)$/.exec(word))
    if (key === undefined || limits.includes(null)) {
      throw invalid(`api keys: expected "name key [rate=N] [concurrency=N]" in line ${i + 1}, got something else`)
    }
    return [{ name, key, ...Object.fromEntries(limits.map((found) => [found![1]!, Number(found![2])])) }]
  })
  if (keys.length === 0) throw invalid('api keys: expected at least one line "name key", got none')
  return keys
}
