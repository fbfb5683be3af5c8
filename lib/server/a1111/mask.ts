// Masks as AUTOMATIC1111's clients mean them, made ours: white is drawn anew, of one with transparency what is opaque (here it is what is
// transparent), and with `inpainting_mask_invert` what is left of the picture.
import { breathe } from '../../base/breathe.js'
import type { ImageInput } from '../../fields/values.js'
import { encodeImage } from '../../image/encode.js'
import { readMask, readSize } from '../../image/read.js'
import { hasAlpha, isMasked } from '../../image/region.js'

/**
 * A file again: it waits with its request, and pixels would be many times as large. What is beyond `maxPixels` or cannot be read is left as
 * it is: limits.ts and the run refuse it in their own words.
 */
export async function ourMask(
  file: ImageInput,
  { invert, maxPixels }: { readonly invert: boolean; readonly maxPixels: number },
): Promise<ImageInput> {
  const size = await readSize(file, { field: 'mask' }).catch(() => undefined)
  if (!size || size.width * size.height > maxPixels) return file
  const mask = await readMask(file, { field: 'mask' }).catch(() => undefined)
  if (!mask) return file
  const byAlpha = await hasAlpha(mask)
  if (!invert && !byAlpha) return file
  const isOurs = isMasked(mask, byAlpha)
  const flipped = byAlpha !== invert
  const data = new Uint8Array(mask.width * mask.height * 3)
  for (let line = 0; line < mask.height; line++) {
    for (let pixel = line * mask.width; pixel < (line + 1) * mask.width; pixel++) {
      if (isOurs(pixel) !== flipped) data.fill(255, 3 * pixel, 3 * pixel + 3)
    }
    await breathe()
  }
  return encodeImage({ data, width: mask.width, height: mask.height, channels: 3 }, 'png')
}
