// Pictures to files: PNG, JPEG and WebP through sharp, with text inside, and animated WebP.
import { DimooError, invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { checkField, checkOptions } from '../fields/check.js'
import { choice, integer, local, type Fields } from '../fields/field.js'
import type { RawImage } from '../fields/values.js'
import { enlarge } from './enlarge.js'
import { addPngText } from './png-text.js'
import { checkRawImage } from './raw.js'
import { sharp } from './sharp.js'
import { makeXmp, XMP_KEYWORD } from './xmp.js'

/** Kinds of files that pictures are written as. */
export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** What can be said about a picture's file. */
export interface EncodeOptions {
  /** JPEG and WebP, 1 to 100, default 90. PNG is always lossless. */
  readonly quality?: number
  /** Text by name (1 to 79 Latin letters, digits, '-', '_', '.'): iTXt chunks in PNG, and XMP. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Every pixel as a square of so many a side, 1 to 64, default 1: small pictures for people to look at. */
  readonly scale?: number
}

/** Of the command line too. */
export const MOST_SCALE = 64

const FIELDS: Fields = {
  quality: integer(1, 100, { summary: 'Of JPEG and WebP.', default: { value: 90 } }),
  metadata: local('any', 'Text by name.'),
  scale: integer(1, MOST_SCALE, { summary: 'Every pixel as a square of so many a side.', default: { value: 1 } }),
}
const FORMAT = choice(['png', 'jpeg', 'webp'], { summary: 'The kind of file.' })

function checkMetadata(value: object): void {
  const good = (name: string, text: unknown): boolean => /^[A-Za-z][\w.-]{0,78}$/.test(name) && typeof text === 'string'
  if (isObject(value) && Object.entries(value).every(([name, text]) => good(name, text))) return
  const rule = "an object of strings under names of 1 to 79 letters, digits, '-', '_' and '.'"
  throw invalid(`encodeImage: metadata must be ${rule}, got ${show(value)}`)
}

/**
 * The picture as bytes of a file. The pixels are copied before this returns, so the caller may change or transfer them.
 *
 * @throws `image/invalid` for a picture whose sizes and bytes disagree or that the format cannot hold; `request/invalid` for options.
 * @example
 * await writeFile('out.jpg', await encodeImage(result.image, 'jpeg', { quality: 80 }))
 */
export async function encodeImage(image: RawImage, format: ImageFormat, options: EncodeOptions = {}): Promise<Uint8Array> {
  checkField('encodeImage', 'format', format, FORMAT)
  checkOptions('encodeImage', options, { fields: FIELDS })
  const { quality = 90, metadata, scale = 1 } = options
  if (metadata !== undefined) checkMetadata(metadata)
  checkRawImage(image)
  const { width, height, channels, data: pixels } = enlarge(image, scale)
  const data = scale === 1 ? pixels.slice() : pixels
  const raw = (await sharp())(data, { raw: { width, height, channels } })
  if (format === 'png') {
    const png = await raw.png().toBuffer().catch(unwritable)
    // As XMP too: that is what other tools carry from one format to another.
    return metadata ? addPngText(png, { ...metadata, [XMP_KEYWORD]: makeXmp(metadata) }) : png
  }
  const described = metadata ? raw.withXmp(makeXmp(metadata)) : raw
  const encoded = format === 'jpeg' ? described.flatten({ background: 'white' }).jpeg({ quality }) : described.webp({ quality })
  return encoded.toBuffer().catch(unwritable)
}

// WebP holds at most 16,383 pixels a side, JPEG 65,535.
function unwritable(error: unknown): never {
  throw new DimooError('image/invalid', `picture: cannot be encoded (${quote((error as Error).message.split('\n', 1)[0]!)})`)
}

/** RGB frames of one size, each shown for its delay in milliseconds, as a WebP or GIF that loops for ever. */
export async function encodeAnimation(
  frames: readonly RawImage[],
  delays: readonly number[],
  format: 'webp' | 'gif' = 'webp',
): Promise<Uint8Array> {
  const [first] = frames
  if (!first) throw new DimooError('image/invalid', 'animation: expected at least one frame, got none')
  const { width, height } = first
  for (const frame of frames) {
    checkRawImage(frame)
    if (frame.width !== width || frame.height !== height || frame.channels !== 3) {
      const got = `${frame.width} x ${frame.height} x ${frame.channels}`
      throw new DimooError('image/invalid', `animation: expected frames of ${width} x ${height} x 3, got ${got}`)
    }
  }
  const data = Buffer.concat(frames.map((frame) => frame.data))
  const raw = { width, height: height * frames.length, channels: 3, pageHeight: height } as const
  const film = (await sharp())(data, { raw, animated: true })
  const shown = { loop: 0, delay: [...delays] }
  return (format === 'gif' ? film.gif({ ...shown, keepDuplicateFrames: true }) : film.webp({ ...shown, quality: 90 })).toBuffer()
}
