// Pictures in: whatever a caller has becomes RGB pixels. EXIF rotation is applied, transparency composed on white, the first
// frame of an animation taken. At most 64 megapixels; pictures are never fetched from a network.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../fields/validate.js'
import { parseParameters, PARAMETERS_KEY, type ImageParameters } from '../parameters/parameters.js'
import { readPngText } from './png-text.js'
import { checkRawImage, isRawImage, type RawImage } from './raw.js'
import { sharp } from './sharp.js'
import { readXmp } from './xmp.js'

/** Raw pixels, a path, a `file:` URL, or the bytes of a PNG, JPEG, WebP, GIF, TIFF or AVIF file. */
export type ImageInput = RawImage | string | URL | Uint8Array | ArrayBuffer | Blob

export const MAX_PIXELS = 64_000_000

// What the decoder may open. Vector formats can name other files: never.
const FORMATS = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'heif']

/** RGB pixels of any input. Throws `image/invalid` for what is unreadable, too large, or of another kind. */
export async function readImage(input: ImageInput): Promise<RawImage & { readonly channels: 3 }> {
  if (isRawImage(input)) {
    checkSize(input)
    if (input.channels === 3) return { ...input, channels: 3 }
  }
  const pipeline = (await opened(input)).autoOrient().flatten({ background: 'white' }).toColourspace('srgb').removeAlpha()
  const { data, width, height } = await pixels(pipeline)
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
export async function readOriginal(input: ImageInput, mode: 'rgb' | 'own'): Promise<OriginalImage> {
  if (isRawImage(input)) {
    checkSize(input)
    if (input.channels === 3 || mode === 'own') return { ...input, palette: false }
  }
  const pipeline = await opened(input)
  const { isPalette, hasAlpha } = await pipeline.metadata().catch(unreadable)
  const palette = mode === 'own' && isPalette
  const alpha = mode === 'own' && hasAlpha && !palette
  const own = pipeline.toColourspace('srgb')
  const { data, width, height } = await pixels(alpha ? own.ensureAlpha() : own.removeAlpha())
  return { data, width, height, channels: alpha ? 4 : 3, palette }
}

/** RGBA pixels of any input, or its RGB where it is raw: a mask may be told by its alpha. Throws as `readImage` does. */
export async function readMask(input: ImageInput): Promise<RawImage> {
  if (isRawImage(input)) {
    checkSize(input)
    return input
  }
  const { data, width, height } = await pixels((await opened(input)).autoOrient().toColourspace('srgb').ensureAlpha())
  return { data, width, height, channels: 4 }
}

/** The parameters that this package wrote into a picture; undefined where there are none. */
export async function readParameters(input: Exclude<ImageInput, RawImage>): Promise<ImageParameters | undefined> {
  const bytes = await readBytes(input)
  const found = readPngText(bytes, PARAMETERS_KEY)
  if (found !== undefined) return parseParameters(found)
  const { xmp } = await (await sharp())(bytes, { limitInputPixels: false }).metadata().catch(unreadable)
  const text = xmp && readXmp(xmp.toString('utf8'), PARAMETERS_KEY)
  return text === undefined ? undefined : parseParameters(text)
}

type Pipeline = ReturnType<Awaited<ReturnType<typeof sharp>>>

function checkSize(image: RawImage): void {
  checkRawImage(image)
  if (image.width * image.height > MAX_PIXELS) throw tooLarge(image.width, image.height)
}

// Header first: what is too large or of another kind is never decoded.
async function opened(input: ImageInput): Promise<Pipeline> {
  const Sharp = await sharp()
  if (isRawImage(input)) {
    const { data, width, height, channels } = input
    return Sharp(data, { raw: { width, height, channels } })
  }
  const bytes = await readBytes(input)
  const { format, width, height } = await Sharp(bytes, { limitInputPixels: false }).metadata().catch(unreadable)
  if (!FORMATS.includes(format)) throw new DimooError('image/invalid', `picture: expected ${FORMATS.join(', ')}, got ${format}`)
  if (width * height > MAX_PIXELS) throw tooLarge(width, height)
  return Sharp(bytes, { limitInputPixels: MAX_PIXELS })
}

async function pixels(pipeline: Pipeline): Promise<Pick<RawImage, 'data' | 'width' | 'height'>> {
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }).catch(unreadable)
  return { data, width: info.width, height: info.height }
}

async function readBytes(input: Exclude<ImageInput, RawImage>): Promise<Uint8Array> {
  const bytes = await bytesOf(input)
  if (bytes.length === 0) throw new DimooError('image/invalid', 'picture: expected a PNG, JPEG or WebP file, got 0 bytes')
  return bytes
}

async function bytesOf(input: Exclude<ImageInput, RawImage>): Promise<Uint8Array> {
  if (input instanceof Uint8Array) return input
  if (input instanceof ArrayBuffer) return new Uint8Array(input)
  if (input instanceof Blob) return new Uint8Array(await input.arrayBuffer())
  const path = toPath(input)
  return readFile(path).catch((error: unknown) => {
    throw new DimooError('image/invalid', `picture: cannot read ${path} (${(error as Error).message})`)
  })
}

function toPath(input: string | URL): string {
  const protocol = input instanceof URL ? input.protocol : /^([a-z][a-z+.-]+:)\/\//i.exec(input)?.[1]
  if (typeof input !== 'string' && !(input instanceof URL)) {
    throw new DimooError('image/invalid', `picture: expected pixels, a path or bytes, got ${show(input)}`)
  }
  if (protocol === undefined) return input as string
  if (protocol !== 'file:') throw invalid(`picture: expected a path or a file: URL, got one of ${protocol}`)
  return fileURLToPath(input)
}

function tooLarge(width: number, height: number): DimooError {
  return new DimooError('image/invalid', `picture: expected at most ${MAX_PIXELS} pixels, got ${width} x ${height}`)
}

function unreadable(error: unknown): never {
  throw new DimooError('image/invalid', `picture: cannot be read (${(error as Error).message.split('\n', 1)[0]})`)
}
