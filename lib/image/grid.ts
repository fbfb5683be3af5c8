// Pictures onto the model's grid: sides down to multiples of the cell, resampled as the model was trained (docs/model.md#crops).
import { binding } from '../native/binding.js'
import { DimooError } from '../base/errors.js'
import { settle } from '../native/job.js'
import type { RawImage } from './raw.js'

/** RGB pixels whose sides are multiples of `scale`. Throws `image/invalid` for a picture smaller than one cell. */
export async function vqPixels(image: RawImage, scale: number): Promise<Pick<RawImage, 'data' | 'width' | 'height'>> {
  const { data, width, height } = image
  const [toWidth, toHeight] = [width - (width % scale), height - (height % scale)]
  if (toWidth === 0 || toHeight === 0) {
    throw new DimooError('image/invalid', `picture: expected at least ${scale} x ${scale} pixels, got ${width} x ${height}`)
  }
  if (toWidth === width && toHeight === height) return { data, width, height }
  const resized = await settle(() => binding().resize(data, 3, width, height, toWidth, toHeight, 'lanczos'))
  return { data: resized, width: toWidth, height: toHeight }
}
