// Bodies of requests: JSON, CBOR and forms, each within the limits before anything is made of it. A form's parts are counted together,
// bytes between parts among them: the parser's own limits are each for one part.
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { decodeCbor } from '../wire/cbor.js'
import { parseJson } from '../wire/messages.js'
import { Problem } from './problem.js'
import type { Settings } from './options.js'
import { isCbor } from './words.js'

const MAX_DEPTH = 16
const MAX_ITEMS = 65_536
const MAX_FIELDS = 256
const MAX_FIELD_BYTES = 2 ** 20
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

/** A form as it came: texts and files by name, several of one name in order. */
export interface Form {
  readonly texts: ReadonlyMap<string, readonly string[]>
  readonly files: ReadonlyMap<string, readonly Uint8Array[]>
}

export async function readBodies(app: FastifyInstance, { maxBodyBytes, maxFileBytes, maxImages }: Settings): Promise<void> {
  const limits = { maxBytes: maxBodyBytes, maxDepth: MAX_DEPTH, maxItems: MAX_ITEMS }
  app.removeAllContentTypeParsers()
  // Parameters are what most clients outside of browsers send beside it: `; charset=utf-8`.
  app.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: unknown) => {
      const text = utf8(bytes as Uint8Array, request.headers['content-type'])
      return text === '' ? undefined : parseJson(text, limits, 'body')
    },
  )
  app.addContentTypeParser('application/cbor', { parseAs: 'buffer' }, async (_: unknown, bytes: unknown) => {
    return decodeCbor(bytes as Uint8Array, limits)
  })
  await app.register(multipart, {
    throwFileSizeLimit: true,
    limits: {
      fileSize: maxFileBytes,
      files: maxImages + 2,
      fields: MAX_FIELDS,
      fieldSize: MAX_FIELD_BYTES,
      fieldNameSize: 100,
      parts: MAX_FIELDS + maxImages,
    },
  })
  checkKinds(app)
}

// JSON is UTF-8 (RFC 8259), whatever else is said of it: letters of another charset would be read as none at all. A byte order mark is
// read over.
function utf8(bytes: Uint8Array, contentType = ''): string {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*["']?([^"';\s]*)/i.exec(contentType) ?? []
  if (!/^(?:utf-?8|us-ascii)$/i.test(charset))
    throw new Problem(415, 'request/invalid', `content-type: charset must be utf-8, got ${show(charset)}`)
  try {
    return UTF_8.decode(bytes)
  } catch {
    throw invalid('body: expected JSON in UTF-8, got bytes that are none')
  }
}

/** Of forms and of no bodies at all: what a route makes of them is not left to chance. */
function checkKinds(app: FastifyInstance): void {
  // No bytes are of no type: `curl -d ''` and forms without fields name one all the same.
  app.addHook('onRequest', async (request) => {
    if (request.headers['content-length'] === '0' && !isCbor(request)) delete request.headers['content-type']
  })
  app.addHook('preValidation', async (request) => {
    if (request.isMultipart() && !request.is404 && request.routeOptions.config.forms !== true)
      throw new Problem(415, 'request/invalid', 'content-type: expected application/json here, got a form')
  })
}

/** Reads a form. Throws a problem for what is too large, `request/invalid` for what is none. */
export async function readForm(request: FastifyRequest, { maxBodyBytes }: Pick<Settings, 'maxBodyBytes'>): Promise<Form> {
  const texts = new Map<string, string[]>()
  const files = new Map<string, Uint8Array[]>()
  const parts = request.parts()
  const first = parts.next() // from here on the request flows into the parser
  const { over, stop } = counted(request, maxBodyBytes)
  const within = <T>(work: Promise<T>): Promise<T> => Promise.race([work, over])
  try {
    for (let next = await within(first); !next.done; next = await within(parts.next())) {
      const part = next.value
      if (typeof part.fieldname !== 'string') throw new Problem(400, 'request/invalid', 'body: a part of the form has no name')
      if (part.type === 'file') {
        add(files, part.fieldname, new Uint8Array(await within(part.toBuffer())))
      } else {
        if (part.valueTruncated || part.fieldnameTruncated)
          throw new Problem(413, 'request/invalid', `body: a text of the form is longer than ${MAX_FIELD_BYTES} bytes`)
        add(texts, part.fieldname, typeof part.value === 'string' ? part.value : JSON.stringify(part.value))
      }
    }
  } catch (error) {
    throw formProblem(error)
  } finally {
    stop()
  }
  return { texts, files }
}

function add<T>(to: Map<string, T[]>, name: string, value: T): void {
  const known = to.get(name)
  if (known) known.push(value)
  else to.set(name, [value])
}

// `over` rejects once more than `most` bytes have come.
function counted({ raw }: FastifyRequest, most: number): { readonly over: Promise<never>; readonly stop: () => void } {
  let count = 0
  let fail: (error: Error) => void = () => undefined
  const over = new Promise<never>((_, reject) => (fail = reject))
  over.catch(() => undefined)
  const onData = (chunk: Uint8Array): void => {
    count += chunk.length
    if (count <= most) return
    raw.off('data', onData)
    raw.unpipe()
    raw.resume()
    fail(tooLarge(most))
  }
  raw.on('data', onData)
  return { over, stop: () => raw.off('data', onData) }
}

export const tooLarge = (most: number): Problem => new Problem(413, 'request/invalid', `body: expected at most ${most} bytes, got more`)

// What the parser throws: limits have a status of their own, everything else is a form that is none.
function formProblem(error: unknown): unknown {
  if (error instanceof Problem) return error
  const { statusCode, message } = error as { readonly statusCode?: number; readonly message: string }
  if (statusCode === 413) return new Problem(413, 'request/invalid', `body: the form is beyond its limits (${message})`)
  return invalid(`body: expected a form (${message})`)
}
