// A given picture at the size in which the model is to see it: cropped to the best size of about an area, or taken as it is.
import { DimooError } from '../base/errors.js'
import type { RawImage } from '../fields/values.js'
import { binding } from '../native/binding.js'
import { settle } from '../native/job.js'
import type { OriginalImage } from './read.js'

/** Side of the patches that sizes are counted in. */
const PATCH = 32
/** Sides of a native picture that goes into a prompt are multiples of this too, whatever the image tokenizer (docs/model.md#crops). */
const PROMPT_SIDE = 16

export interface Preparation {
  /** A: the original's crop for (A / 32)^2 patches of 32. 'native': each side down to a multiple. */
  readonly area: number | 'native'
  /** Pixels per cell side. */
  readonly scale: number
  /** Where the crop lies: in the middle, or at the random place of a seed. */
  readonly offset: 'centre' | bigint
  /** What the picture is for: one in a prompt is down to multiples of 16 as well, one whose cells are decoded to those of `scale` alone. */
  readonly use: 'prompt' | 'target'
  /** How a crop resizes: pixels are mixed, a palette's colours are not, a mask's pixels grow outwards. */
  readonly between?: 'mixture' | 'nearest' | 'greatest'
}

/** RGB pixels whose sides are multiples of the grid. RGBA is weighted by alpha while it is cropped. Too small a picture is `image/invalid`. */
export async function prepareImage(image: RawImage | OriginalImage, how: Preparation, signal?: AbortSignal): Promise<RawImage> {
  const { data, width, height } = image
  const { area, scale, offset, use } = how
  if (area !== 'native') {
    const { between = 'palette' in image && image.palette ? 'nearest' : 'mixture' } = how
    const patches = (area / PATCH) ** 2
    const { pixels, ...size } = await settle(() => binding().crop(data, width, height, patches, offset, between), signal)
    return { data: pixels, width: size.width, height: size.height, channels: 3 }
  }
  const side = use === 'prompt' ? (PROMPT_SIDE / gcd(scale, PROMPT_SIDE)) * scale : scale
  const fitted = await fitToGrid(image, side, signal)
  return { ...fitted, channels: 3 }
}

/** RGB pixels, each side down to a multiple of `side`, resized with Lanczos as the model was trained. */
export async function fitToGrid(
  { data, width, height }: RawImage,
  side: number,
  signal?: AbortSignal,
): Promise<Pick<RawImage, 'data' | 'width' | 'height'>> {
  const [toWidth, toHeight] = [width - (width % side), height - (height % side)]
  if (toWidth === 0 || toHeight === 0) {
    throw new DimooError('image/invalid', `picture: expected at least ${side} x ${side} pixels, got ${width} x ${height}`)
  }
  if (toWidth === width && toHeight === height) return { data, width, height }
  const resized = await settle(() => binding().resize(data, 3, width, height, toWidth, toHeight, 'lanczos'), signal)
  return { data: resized, width: toWidth, height: toHeight }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
