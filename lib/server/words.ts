// The words of checks as whoever asks over HTTP reads them: what only a program that calls us has, such as a bigint, a path or undefined, is
// said in terms of JSON and forms; and what zod says of paths and queries is said as everything else is.

import type { FastifyRequest } from 'fastify'

/** Whether a request speaks as programs of the library do. */
export const isCbor = ({ headers }: FastifyRequest): boolean => /^application\/cbor\b/i.test(headers['content-type'] ?? '')

const WORDS: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/, got undefined(?=$|;)/, ', got nothing'],
  [/an integer from 0 to 2\^53 - 1, or a bigint up to 2\^64 - 1/, 'an integer from 0 to 2^53 - 1, or its digits as text up to 2^64 - 1'],
  [
    /a picture \(pixels, a path, a file: or data: URL, the bytes of a file, or a result\)/,
    'a picture (a data: URL, an upload, pixels, or a result)',
  ],
  [/'cosine', 'linear' or a function/, "'cosine', 'linear' or shares from 0 to 1, one a step"],
  [/must be an Uint8Array/, 'must be bytes as base64'],
  [/must be an (?:Int32|Uint32)Array/, 'must be an array of integers'],
  [/must be a Float32Array/, 'must be an array of numbers'],
  [/got an? Uint8Array of (\d+) bytes/, 'got a file of $1 bytes'],
]

/** A message of ours, for a client. */
export function inWordsOfHttp(message: string): string {
  return WORDS.reduce((text, [pattern, words]) => text.replace(pattern, words), message)
}

const ZOD: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^Too small: expected \w+ to be >=(-?\d+)$/, 'must be at least $1'],
  [/^Too big: expected \w+ to be <=(-?\d+)$/, 'must be at most $1'],
  [/^Too small: expected \w+ to have >=(\d+) \w+$/, 'must have at least $1 characters'],
  [/^Too big: expected \w+ to have <=(\d+) \w+$/, 'must have at most $1 characters'],
  [/^Invalid input: expected (?:number|int), received .*$/, 'must be an integer'],
  [/^Invalid input: expected (\w+), received .*$/, 'must be a $1'],
]

/** What zod says of one value, to stand after its name. */
export function inWordsOfOurs(message: string): string {
  const choices = /^Invalid option: expected one of (.*)$/.exec(message)?.[1]
  if (choices !== undefined) return `must be one of ${choices.replaceAll('"', "'").replaceAll('|', ', ')}`
  const found = ZOD.find(([pattern]) => pattern.test(message))
  return found ? message.replace(...found) : `is not as it must be (${message})`
}
