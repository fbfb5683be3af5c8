// Values that a request may hold and TypeScript has no type for: pictures, parts of them, schedules. Whether a picture can be read is
// found when it is.
import { isArrayBuffer, isBlob, isByteStream, isObject, isTypedArray, isUrl, typedArrayName } from '../base/realm.js'

/** Tightly packed 8-bit pixels, row by row, sRGB. `data` holds height * width * channels bytes; channels 3: RGB, 4: RGBA. */
export interface RawImage {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3 | 4
}

/** A picture that a run made, as far as another run needs it: its pixels, its codes and what was asked for. */
export interface MadeImage {
  readonly image: RawImage
  /** Codebook ids, row by row. */
  readonly tokens: Int32Array
  readonly parameters: object
}

/**
 * Raw pixels; a path, a `file:` or a `data:` URL; the bytes of a PNG, JPEG, WebP, GIF, TIFF or AVIF file, all at once or as a stream; or a
 * picture that a run made. Nothing is fetched from a network.
 */
export type ImageInput =
  RawImage | MadeImage | string | URL | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

/** Share of the cells that stay masked, by the share of the steps that are done (0 to 1); must return 0 to 1. */
export type ScheduleFunction = (progress: number) => number

/** How many cells stay masked after each step: a curve by name, shares from 0 to 1 (one a step, the last one counts as 0), or a function. */
export type Schedule = 'cosine' | 'linear' | readonly number[] | Float32Array | ScheduleFunction

/** A rectangle in pixels of the picture. */
export interface Rect {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/**
 * A part of a picture: white (or transparent) pixels of a picture of the same size, rectangles, or cells of the grid by number, row by
 * row. Pixels are rounded outwards to cells.
 */
export type MaskInput = ImageInput | Rect | readonly Rect[] | Uint32Array | readonly number[]

export function isRawImage(value: unknown): value is RawImage {
  return typeof value === 'object' && value !== null && 'data' in value && 'width' in value && 'height' in value
}

/** A picture of a result, also one that has travelled and lost its class. */
export function isMade(value: unknown): value is MadeImage {
  return isObject(value) && typedArrayName(value['tokens']) === 'Int32Array' && isRawImage(value['image']) && isObject(value['parameters'])
}

export function isPicture(value: unknown): value is ImageInput {
  if (typeof value === 'string') return value !== ''
  return isFileBytes(value) || isBlob(value) || isUrl(value) || isRawImage(value) || isMade(value) || isByteStream(value)
}

// A cell's number takes 32 bits, a byte of a file 8.
function isFileBytes(value: unknown): boolean {
  return isArrayBuffer(value) || ['Uint8Array', 'Uint8ClampedArray', 'Int8Array'].includes(typedArrayName(value) ?? '')
}

export function isRect(value: unknown): value is Rect {
  if (!isObject(value)) return false
  const { left, top, width, height, ...more } = value
  const whole = [left, top, width, height].every((side) => Number.isSafeInteger(side))
  return whole && (width as number) > 0 && (height as number) > 0 && Object.keys(more).length === 0
}

export function isRects(value: unknown): value is Rect | readonly Rect[] {
  return isRect(value) || (Array.isArray(value) && value.length > 0 && value.every(isRect))
}

/** Cells by number. */
export function isCells(value: unknown): value is Uint32Array | readonly number[] {
  if (isTypedArray(value)) return ['Uint32Array', 'Int32Array', 'Uint16Array'].includes(typedArrayName(value)!)
  return Array.isArray(value) && value.length > 0 && value.every((cell) => Number.isSafeInteger(cell) && (cell as number) >= 0)
}

export function isRegion(value: unknown): value is MaskInput {
  return isRects(value) || isCells(value) || isPicture(value)
}
