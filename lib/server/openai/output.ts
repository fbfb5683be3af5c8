// Pictures of a result as OpenAI's clients want them: a file in base64, of the format that was asked for, or a film of the decoding.
import { base64 } from '../../base/json.js'
import type { RawImage } from '../../fields/values.js'
import { encodeAnimation, encodeImage, type ImageFormat } from '../../image/encode.js'
import type { GeneratedImage } from '../../run/results.js'

export interface Output {
  readonly format: ImageFormat | 'gif'
  /** Of JPEG and WebP. */
  readonly quality: number
  /** What was asked for, as the answer repeats it. */
  readonly effort: string
  /** A film of so many pictures, the finished one last. */
  readonly film?: { readonly frames: number; readonly delayMs: number; readonly asked: boolean }
}

const GIF_FRAMES = 16
/** The finished picture is shown this many times as long. */
const REST = 8

export function outputOf(fields: ReadonlyMap<string, unknown>, warnings: string[]): Output {
  const said = (fields.get('output_format') as string | undefined) ?? 'png'
  const format = (said === 'jpg' ? 'jpeg' : said) as Output['format']
  const frames = fields.get('frame_count') as number | undefined
  const isFilm = format === 'gif' || (format === 'webp' && frames !== undefined && frames > 1)
  if (!isFilm && frames !== undefined && frames > 1) warnings.push(`frame_count: ${format} holds one picture; gif and webp hold films`)
  const duration = fields.get('frame_duration_ms') as number | undefined
  if (!isFilm && duration !== undefined)
    warnings.push('frame_duration_ms: it is of films, which output_format gif, or webp with frame_count, gives')
  const quality = (fields.get('output_compression') as number | undefined) ?? 100
  if (quality < 100 && !['jpeg', 'webp'].includes(format))
    warnings.push(`output_compression: ${format} keeps every pixel; it is of jpeg and webp`)
  return {
    format,
    quality: Math.max(1, quality),
    effort: (fields.get('quality') as string | undefined) ?? 'auto',
    ...(isFilm && { film: { frames: frames ?? GIF_FRAMES, delayMs: duration ?? 100, asked: frames !== undefined } }),
  }
}

/** A finished picture; `frames`: what was seen of it before. A film of fewer pictures than were asked for says so. */
export async function encoded(
  image: GeneratedImage,
  { format, quality, film }: Output,
  frames: readonly RawImage[],
  warnings: Set<string>,
): Promise<string> {
  if (!film) return base64(await image.encode(format as ImageFormat, { quality }))
  const all = [...frames, image.image]
  const delays = all.map((_, i) => (i === all.length - 1 ? REST : 1) * film.delayMs)
  const file = await encodeAnimation(all, delays, format === 'gif' ? 'gif' : 'webp')
  const shown = format === 'gif' ? all.length : framesOf(file)
  if (film.asked && shown < film.frames)
    warnings.add(
      `frame_count: the film has ${shown} picture${shown === 1 ? '' : 's'}, not ${film.frames}: ${
        all.length < film.frames ? 'the decoding showed no more' : 'those that are alike are one that is shown for longer'
      }`,
    )
  return base64(file)
}

/** Pictures of a WebP file: its chunks ANMF, of which a file of one picture has none. */
function framesOf(webp: Uint8Array): number {
  const view = new DataView(webp.buffer, webp.byteOffset, webp.byteLength)
  let count = 0
  for (let at = 12; at + 8 <= webp.length;) {
    if (view.getUint32(at) === 0x414e4d46) count++
    const size = view.getUint32(at + 4, true)
    at += 8 + size + (size % 2)
  }
  return Math.max(1, count)
}

/** Of one picture: of a GIF, which holds too few colours, none is made. */
export const stillFormat = ({ format }: Output): ImageFormat => (format === 'gif' ? 'png' : format)

/** A picture of the decoding. */
export async function encodedPartial(image: RawImage, output: Output): Promise<string> {
  return base64(await encodeImage(image, stillFormat(output), { quality: output.quality }))
}
