// Tightly packed pixels, checked here, once.
import { DimooError } from '../base/errors.js'
import { isUint8Array } from '../base/realm.js'
import { show } from '../base/show.js'
import { isRawImage, type RawImage } from '../fields/values.js'

/** Most pixels of a picture that is given. */
export const MAX_PIXELS = 64_000_000

/** Throws `image/invalid` where sizes and bytes disagree. `what` begins the message. */
export function checkRawImage(image: RawImage, what = 'picture'): void {
  if (!isRawImage(image)) throw new DimooError('image/invalid', `${what}: expected {data, width, height, channels}, got ${show(image)}`)
  const { data, width, height } = image
  const channels: number = image.channels
  if (!isSide(width) || !isSide(height)) {
    throw new DimooError('image/invalid', `${what}: sides must be positive integers, got ${show(width)} x ${show(height)}`)
  }
  if (channels !== 3 && channels !== 4) throw new DimooError('image/invalid', `${what}: channels must be 3 or 4, got ${show(channels)}`)
  const expected = width * height * channels
  if (!isUint8Array(data) || data.length !== expected) {
    const got = isUint8Array(data) ? data.length : typeof data
    throw new DimooError('image/invalid', `${what}: expected ${expected} bytes for ${width} x ${height} x ${channels}, got ${got}`)
  }
}

/** The same, and at most `MAX_PIXELS`. */
export function checkGivenImage(image: RawImage, what = 'picture'): void {
  checkRawImage(image, what)
  if (image.width * image.height > MAX_PIXELS) throw tooLarge(what, image.width, image.height)
}

export function tooLarge(what: string, width: number, height: number): DimooError {
  return new DimooError('image/invalid', `${what}: expected at most ${MAX_PIXELS} pixels, got ${width} x ${height}`)
}

function isSide(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0
}
