// Pictures in: whatever a caller has becomes RGB pixels. EXIF rotation is applied, transparency composed on white, the first frame of an
// animation taken. At most 64 megapixels.
import { DimooError } from '../base/errors.js'
import { quote } from '../base/show.js'
import { isCells, isMade, isRawImage, isRects, type ImageInput, type MaskInput, type RawImage } from '../fields/values.js'
import { fileBytes, nameOf, type FileInput } from './bytes.js'
import { checkGivenImage, MAX_PIXELS, tooLarge } from './raw.js'
import type { Region } from './region.js'
import { sharp } from './sharp.js'

/** What a message calls the picture, e.g. "images[1]", and what stops the reading. */
export interface Reading {
  readonly field?: string | undefined
  readonly signal?: AbortSignal | undefined
}

// What the decoder may open. Vector formats can name other files: never.
const FORMATS = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'heif']
const FORMAT_WORDS = 'PNG, JPEG, WebP, GIF, TIFF or AVIF'

/** RGB pixels of any input. Throws `image/invalid` for what is unreadable, too large, or of another kind. */
export async function readImage(input: ImageInput, reading: Reading = {}): Promise<RawImage & { readonly channels: 3 }> {
  const raw = rawOf(input, reading)
  if (raw?.channels === 3) return { ...raw, channels: 3 }
  const { pipeline, what } = await opened(raw ?? (input as FileInput), reading)
  const { data, width, height } = await pixels(
    pipeline.autoOrient().flatten({ background: 'white' }).toColourspace('srgb').removeAlpha(),
    what,
  )
  return { data, width, height, channels: 3 }
}

/** Pixels as the original's scripts see them. */
export interface OriginalImage extends RawImage {
  /** They are a palette's colours, between which nothing lies. */
  readonly palette: boolean
}

/**
 * Pixels without EXIF rotation. 'rgb': alpha is dropped, not composed, as the original's editing script does; 'own': RGBA where the file
 * has alpha but no palette, as its understanding script keeps them until they are tokenised. Throws as `readImage` does.
 */
export async function readOriginal(input: ImageInput, mode: 'rgb' | 'own', reading: Reading = {}): Promise<OriginalImage> {
  const raw = rawOf(input, reading)
  if (raw && (raw.channels === 3 || mode === 'own')) return { ...raw, palette: false }
  const { pipeline, what } = await opened(raw ?? (input as FileInput), reading)
  const { isPalette, hasAlpha } = await pipeline.metadata().catch(unreadable(what))
  const palette = mode === 'own' && isPalette
  const alpha = mode === 'own' && hasAlpha && !palette
  const own = pipeline.toColourspace('srgb')
  const { data, width, height } = await pixels(alpha ? own.ensureAlpha() : own.removeAlpha(), what)
  return { data, width, height, channels: alpha ? 4 : 3, palette }
}

/** RGBA pixels of any input, or its RGB where it is raw: a mask may be told by its alpha. Throws as `readImage` does. */
export async function readMask(input: ImageInput, reading: Reading = {}): Promise<RawImage> {
  const raw = rawOf(input, reading)
  if (raw) return raw
  const { pipeline, what } = await opened(input as FileInput, reading)
  const { data, width, height } = await pixels(pipeline.autoOrient().toColourspace('srgb').ensureAlpha(), what)
  return { data, width, height, channels: 4 }
}

/** The sides of a picture as its header tells them, upright; nothing is decoded. Throws as `readImage` does. */
export async function readSize(input: ImageInput, reading: Reading = {}): Promise<Pick<RawImage, 'width' | 'height'>> {
  const raw = rawOf(input, reading)
  if (raw) return { width: raw.width, height: raw.height }
  return (await opened(input as FileInput, reading)).upright
}

/** A region that is at hand: cells and rectangles as they are, a mask's pixels. Throws as `readImage` does. */
export async function readRegion(input: MaskInput, reading: Reading = {}): Promise<Region> {
  return isRects(input) || isCells(input) ? input : readMask(input, reading)
}

function rawOf(input: ImageInput, { field }: Reading): RawImage | undefined {
  const raw = isMade(input) ? input.image : isRawImage(input) ? input : undefined
  if (raw) checkGivenImage(raw, nameOf(field, raw))
  return raw
}

type Pipeline = ReturnType<Awaited<ReturnType<typeof sharp>>>

// Header first: what is too large or of another kind is never decoded.
async function opened(
  input: RawImage | FileInput,
  { field, signal }: Reading,
): Promise<{ readonly pipeline: Pipeline; readonly what: string; readonly upright: Pick<RawImage, 'width' | 'height'> }> {
  const Sharp = await sharp()
  const what = nameOf(field, input)
  if (isRawImage(input)) {
    const { data, width, height, channels } = input
    return { pipeline: Sharp(data, { raw: { width, height, channels } }), what, upright: { width, height } }
  }
  const bytes = await fileBytes(input, what, signal)
  if (!hasSignature(bytes)) throw unknownKind(what, bytes)
  const { format, width, height, autoOrient } = await Sharp(bytes, { limitInputPixels: false }).metadata().catch(unreadable(what))
  if (!FORMATS.includes(format)) throw new DimooError('image/invalid', `${what}: expected ${FORMAT_WORDS}, got ${quote(format)}`)
  if (width * height > MAX_PIXELS) throw tooLarge(what, width, height)
  signal?.throwIfAborted()
  return { pipeline: Sharp(bytes, { limitInputPixels: MAX_PIXELS }), what, upright: autoOrient }
}

// Told from the first bytes, so that no other decoder (of vectors, of documents) ever sees the file.
const SIGNATURES: readonly (readonly [at: number, bytes: string])[] = [
  [0, '\x89PNG'],
  [0, '\xff\xd8\xff'],
  [8, 'WEBP'],
  [0, 'GIF8'],
  ...['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].map((bytes) => [0, bytes] as const),
  [4, 'ftyp'],
]

function hasSignature(bytes: Uint8Array): boolean {
  const head = String.fromCharCode(...bytes.subarray(0, 16))
  return SIGNATURES.some(([at, signature]) => head.startsWith(signature, at))
}

function unknownKind(what: string, bytes: Uint8Array): Error {
  const isSvg = /^[^<]{0,64}<(?:svg|\?xml|!--|!doctype svg)/i.test(String.fromCharCode(...bytes.subarray(0, 512)))
  const words = isSvg ? `expected ${FORMAT_WORDS}, got svg` : `cannot be read as ${FORMAT_WORDS} (its first bytes are of no such file)`
  return new DimooError('image/invalid', `${what}: ${words}`)
}

async function pixels(pipeline: Pipeline, what: string): Promise<Pick<RawImage, 'data' | 'width' | 'height'>> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }).catch(unreadable(what))
  return { data, width: info.width, height: info.height }
}

/** Says that a picture's file is none, for `catch`. */
export function unreadable(what: string): (error: unknown) => never {
  return (error) => {
    const got = quote((error as Error).message.split('\n', 1)[0]!)
    throw new DimooError('image/invalid', `${what}: cannot be read as ${FORMAT_WORDS} (${got})`)
  }
}
