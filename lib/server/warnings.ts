// What an asker did not get as it was asked for, or should know of what it got: in a header where there is still time, and beside the result.
import type { FastifyReply } from 'fastify'
import { flat } from '../base/show.js'

/** Most characters of the header: servers in front take 8 KiB of all of them. */
const MAX_CHARACTERS = 2048

/** The header `warning`, each a sentence without quotes, as RFC 7234's 299. What was said before is replaced. */
export function warn(reply: FastifyReply, warnings: readonly string[]): void {
  if (warnings.length === 0) return
  const texts = warnings.map(
    (text) =>
      `299 - "${flat(text)
        .replace(/["\\]/g, "'")
        .replace(/[^\x20-\x7e]/g, '?')}"`,
  )
  let length = 0
  const fitting = texts.filter(({ length: own }) => {
    const fits = length + own + 2 <= MAX_CHARACTERS
    if (fits) length += own + 2
    return fits
  })
  if (fitting.length > 0) void reply.header('warning', fitting.join(', '))
}

/** Beside a result, where there are any. */
export const warned = (warnings: readonly string[]): { readonly warnings?: readonly string[] } => (warnings.length > 0 ? { warnings } : {})
