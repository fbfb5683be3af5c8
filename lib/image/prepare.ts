// A given picture at the size in which the model is to see it: cropped to the best size of about an area, or taken as it is.
import { binding } from '../native/binding.js'
import { DimooError } from '../base/errors.js'
import { settle } from '../native/job.js'
import type { RawImage } from './raw.js'
import type { OriginalImage } from './read.js'

/** Side of the patches that sizes are counted in. */
const PATCH = 32
/** Sides of a native picture are multiples of this, whatever the image tokenizer (docs/model.md#crops). */
const NATIVE_SIDE = 16

/**
 * RGB pixels whose sides are multiples of the grid. `area` A: the original's crop for (A / 32)^2 patches of 32, centred or at the random
 * offset of a seed; RGBA is weighted by alpha meanwhile, a palette's colours are not mixed, and with `between`
 * 'greatest' a mask's pixels grow outwards. 'native': each side of RGB down to the next
 * multiple of 16 and of `scale`, resized with Lanczos. A picture under that, or of no pixels, is `image/invalid`.
 */
export async function prepareArea(
  image: RawImage | OriginalImage,
  area: number | 'native',
  scale: number,
  offset: 'centre' | bigint,
  signal?: AbortSignal,
  between: 'mixture' | 'nearest' | 'greatest' = 'palette' in image && image.palette ? 'nearest' : 'mixture',
): Promise<RawImage> {
  const { data, width, height } = image
  if (area !== 'native') {
    const patches = (area / PATCH) ** 2
    const { pixels, ...size } = await settle(() => binding().crop(data, width, height, patches, offset, between), signal)
    return { data: pixels, width: size.width, height: size.height, channels: 3 }
  }
  const side = scale % NATIVE_SIDE === 0 ? scale : NATIVE_SIDE * (scale / gcd(scale, NATIVE_SIDE))
  const [toWidth, toHeight] = [width - (width % side), height - (height % side)]
  if (toWidth === 0 || toHeight === 0) {
    throw new DimooError('image/invalid', `picture: expected at least ${side} x ${side} pixels, got ${width} x ${height}`)
  }
  if (toWidth === width && toHeight === height) return image
  const resized = await settle(() => binding().resize(data, 3, width, height, toWidth, toHeight, 'lanczos'), signal)
  return { data: resized, width: toWidth, height: toHeight, channels: 3 }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
