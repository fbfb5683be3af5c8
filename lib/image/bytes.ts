// A picture that is no pixels yet becomes the bytes of its file: a path, a `file:` or `data:` URL, a Blob, a stream, bytes. Nothing is
// fetched from a network.
import { fileURLToPath } from 'node:url'
import { DimooError, invalid } from '../base/errors.js'
import { FileProblem, readRegularFile } from '../base/files.js'
import { isArrayBuffer, isBlob, isByteStream, isTypedArray, isUint8Array, isUrl } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import type { ImageInput, MadeImage, RawImage } from '../fields/values.js'

/** Where pictures come from that are the bytes of a file, or lead to them. */
export type FileInput = Exclude<ImageInput, RawImage | MadeImage>

/** Most bytes of a picture's file: the largest picture that is taken, uncompressed with 16 bits and alpha. */
export const MAX_FILE_BYTES = 512 * 1024 * 1024

/** What a message calls a picture: `picture images[1] (before.png)`. */
export function nameOf(field: string | undefined, input: unknown): string {
  const place = isUrl(input) ? input.href : typeof input === 'string' ? input : ''
  const shown = place === '' ? '' : ` (${/^data:/i.test(place) ? 'a data: URL' : quote(place, 120)})`
  return `picture${field === undefined ? '' : ` ${field}`}${shown}`
}

/** Throws `image/invalid`, `request/invalid` for a URL of another kind, or `signal.reason`. `what` begins every message. */
export async function fileBytes(input: FileInput, what: string, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = await bytesOf(input, what, signal)
  if (bytes.length === 0) throw new DimooError('image/invalid', `${what}: expected a PNG, JPEG or WebP file, got 0 bytes`)
  return bytes
}

async function bytesOf(input: FileInput, what: string, signal?: AbortSignal): Promise<Uint8Array> {
  if (isUint8Array(input)) return input
  if (isTypedArray(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  if (isArrayBuffer(input)) return new Uint8Array(input)
  if (isBlob(input)) return new Uint8Array(await input.arrayBuffer())
  if (typeof input === 'string' || isUrl(input)) return addressed(input, what, signal)
  if (isByteStream(input)) return collected(input, what, signal)
  throw new DimooError('image/invalid', `${what}: expected pixels, a path or bytes, got ${show(input)}`)
}

async function addressed(input: string | URL, what: string, signal?: AbortSignal): Promise<Uint8Array> {
  const text = typeof input === 'string' ? input : input.href
  const protocol = /^([a-z][a-z0-9+.-]*:)/i.exec(text)?.[1]?.toLowerCase()
  if (protocol === 'data:') return dataBytes(text, what)
  const isLocation = typeof input !== 'string' || /^[a-z][a-z0-9+.-]+:\/\//i.test(text)
  if (isLocation && protocol !== 'file:') throw invalid(`${what}: expected a path, a file: or a data: URL, got one of ${protocol}`)
  const path = isLocation ? localPath(text, what) : text
  return readRegularFile(path, MAX_FILE_BYTES, signal).catch((error: unknown) => {
    if (!(error instanceof FileProblem)) throw error
    const got = error.reason === 'kind' ? `expected a regular file, got ${error.message}` : error.message
    throw new DimooError('image/invalid', `picture: cannot read ${quote(path)} (${quote(got)})`)
  })
}

function localPath(text: string, what: string): string {
  try {
    return fileURLToPath(text)
  } catch (error) {
    throw invalid(`${what}: expected a file: URL of this machine (${quote((error as Error).message)})`)
  }
}

/** The bytes of a `data:` URL. */
export function dataBytes(url: string, what: string): Uint8Array {
  const comma = url.indexOf(',')
  if (comma < 0 || comma > 512)
    throw new DimooError('image/invalid', `${what}: expected data:<type>;base64,<bytes>, got no comma after the type`)
  if (url.length - comma > (MAX_FILE_BYTES * 4) / 3 + 8) throw tooMany(what)
  const body = url.slice(comma + 1)
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) return Buffer.from(percentDecoded(body, what), 'latin1')
  const text = /%/.test(body) ? percentDecoded(body, what) : body
  const bytes = Buffer.from(text, 'base64')
  if (!/^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(text)) throw new DimooError('image/invalid', `${what}: its bytes are not base64`)
  return bytes
}

function percentDecoded(text: string, what: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw new DimooError('image/invalid', `${what}: a % without two hexadecimal digits`)
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
}

async function collected(
  stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
  what: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  const abort = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
  abort.catch(() => undefined)
  const iterator: AsyncIterator<unknown> = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  for (;;) {
    signal?.throwIfAborted()
    const { done, value } = (await Promise.race([iterator.next(), abort])) as IteratorResult<unknown, unknown>
    if (done) return Buffer.concat(pieces)
    const piece: unknown = typeof value === 'string' ? Buffer.from(value) : value
    if (!isTypedArray(piece)) throw new DimooError('image/invalid', `${what}: expected a stream of bytes, got ${show(piece)} in it`)
    length += piece.byteLength
    if (length > MAX_FILE_BYTES) throw tooMany(what)
    pieces.push(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength).slice())
  }
}

const tooMany = (what: string): DimooError => new DimooError('image/invalid', `${what}: expected at most ${MAX_FILE_BYTES} bytes`)
