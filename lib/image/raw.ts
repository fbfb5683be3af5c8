// The one picture type inside and outside: tightly packed 8-bit pixels, row by row, sRGB. Checked here, once.
import { DimooError } from '../base/errors.js'
import { show } from '../fields/validate.js'

/** `data` holds height * width * channels bytes; 3: RGB, 4: RGBA. */
export interface RawImage {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
}

export function isRawImage(value: unknown): value is RawImage {
  return typeof value === 'object' && value !== null && 'data' in value && 'width' in value && 'height' in value
}

/** Throws `image/invalid` where sizes and bytes disagree. */
export function checkRawImage(image: RawImage): void {
  if (!isRawImage(image)) throw new DimooError('image/invalid', `picture: expected {data, width, height, channels}, got ${show(image)}`)
  const { data, width, height } = image
  const channels: number = image.channels
  if (!isSide(width) || !isSide(height)) {
    throw new DimooError('image/invalid', `picture: sides must be positive integers, got ${width} x ${height}`)
  }
  if (channels !== 3 && channels !== 4) throw new DimooError('image/invalid', `picture: channels must be 3 or 4, got ${channels}`)
  const expected = width * height * channels
  if (!(data instanceof Uint8Array) || data.length !== expected) {
    const got = data instanceof Uint8Array ? data.length : typeof data
    throw new DimooError('image/invalid', `picture: expected ${expected} bytes for ${width} x ${height} x ${channels}, got ${got}`)
  }
}

function isSide(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0
}
