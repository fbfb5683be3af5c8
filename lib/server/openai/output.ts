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
  readonly film?: { readonly frames: number; readonly delayMs: number }
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
  const delayMs = (fields.get('frame_duration_ms') as number | undefined) ?? 100
  return {
    format,
    quality: Math.max(1, (fields.get('output_compression') as number | undefined) ?? 100),
    effort: (fields.get('quality') as string | undefined) ?? 'auto',
    ...(isFilm && { film: { frames: frames ?? GIF_FRAMES, delayMs } }),
  }
}

/** A finished picture; `frames`: what was seen of it before. */
export async function encoded(image: GeneratedImage, { format, quality, film }: Output, frames: readonly RawImage[]): Promise<string> {
  if (!film) return base64(await image.encode(format as ImageFormat, { quality }))
  const all = [...frames, image.image]
  const delays = all.map((_, i) => (i === all.length - 1 ? REST : 1) * film.delayMs)
  return base64(await encodeAnimation(all, delays, format === 'gif' ? 'gif' : 'webp'))
}

/** A picture of the decoding. */
export async function encodedPartial(image: RawImage, { format, quality }: Output): Promise<string> {
  return base64(await encodeImage(image, format === 'gif' ? 'png' : format, { quality }))
}
