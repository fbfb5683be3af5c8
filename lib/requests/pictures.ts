// Rules for pictures, masks and regions in requests: what kind of value they are. Whether they can be read is found when they are.
import { isRawImage, type RawImage } from '../image/raw.js'
import type { ImageInput } from '../image/read.js'
import { invalid } from '../base/errors.js'
import * as validate from '../fields/validate.js'

/** A rectangle in pixels of the picture. */
export interface Rect {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/**
 * What is to be decoded again: white (or transparent) pixels of a picture of the same size, or rectangles. Rounded outwards to cells.
 */
export type MaskInput = ImageInput | Rect | readonly Rect[]

/** Shares of the picture's sides, 0 to 1, for the rectangle in its middle (docs/model.md#given-parts). */
export interface Ratio {
  readonly width: number
  readonly height: number
}

export function isPicture(value: unknown): value is ImageInput {
  const bytes = value instanceof Uint8Array || value instanceof ArrayBuffer || value instanceof Blob
  return (typeof value === 'string' && value !== '') || value instanceof URL || bytes || isRawImage(value)
}

export function isRect(value: unknown): value is Rect {
  if (!validate.isObject(value)) return false
  const { left, top, width, height, ...more } = value as Record<string, unknown>
  const fine = [left, top].every((side) => Number.isSafeInteger(side)) && [width, height].every((side) => Number.isSafeInteger(side))
  return fine && (width as number) > 0 && (height as number) > 0 && Object.keys(more).length === 0
}

export function isRects(value: unknown): value is Rect | readonly Rect[] {
  return isRect(value) || (Array.isArray(value) && value.length > 0 && value.every(isRect))
}

export function isMask(value: unknown): value is MaskInput {
  return isPicture(value) || isRects(value)
}

export function isRatio(value: unknown): value is { readonly ratio: Ratio } {
  return validate.isObject(value) && 'ratio' in value
}

const PICTURE = 'a picture (pixels, a path, a file: URL or the bytes of a file)'
const MASK = 'a picture, a rectangle {left, top, width, height} of whole pixels or an array of them'

// "16,8,32,32" is a rectangle; anything else a path, but for what looks like numbers.
function parseMask(text: string): unknown {
  const [left, top, width, height] = (/^(-?\d+),(-?\d+),(\d+),(\d+)$/.exec(text) ?? []).slice(1).map(Number)
  if (height !== undefined) return { left, top, width, height }
  if (/^[-\d.\s]+([,;x][-\d.\s]*)+$/.test(text)) {
    throw invalid(`expected a picture, or a rectangle x,y,w,h of whole pixels such as 8,8,32,32, got ${validate.show(text)}`)
  }
  return text
}

function joinMasks(before: unknown, next: unknown): unknown {
  if (isRects(before) && isRects(next)) return [before, next].flat()
  throw invalid('expected one picture or rectangles, got two of which one is a picture')
}

// "0.5x0.25": width x height.
function parseRatio(text: string): unknown {
  const numbers = /^([\d.]+)x([\d.]+)$/.exec(text)
  if (!numbers) throw invalid(`expected WxH, shares of the sides such as 0.5x0.25, got ${validate.show(text)}`)
  return { width: Number(numbers[1]), height: Number(numbers[2]) }
}

const isShare = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0 && (value as number) <= 1
const isShares = (value: unknown): boolean =>
  validate.isObject(value) && Object.keys(value).length === 2 && isShare((value as Ratio).width) && isShare((value as Ratio).height)

export function picture(help: string): validate.Field {
  return validate.anything(PICTURE, isPicture, { help, value: 'file' })
}

export function mask(help: string): validate.Field {
  return { ...validate.anything(MASK, isMask, { help, value: 'file|x,y,w,h', parse: parseMask }), join: joinMasks }
}

export function ratio(help: string): validate.Field {
  return validate.anything('{width, height}, each over 0 and at most 1', isShares, { help, value: 'WxH', parse: parseRatio })
}

/** A mask as a picture or rectangles, or by ratio. */
export function maskOrRatio(help: string, ratioHelp: string): validate.Field {
  const check = (value: unknown): { value: unknown } | { rule: string } =>
    isRatio(value) || isMask(value) ? { value } : { rule: `${MASK}, or {ratio}` }
  const fields = { ratio: ratio(ratioHelp) }
  return { check, help, value: 'file|x,y,w,h', parse: parseMask, join: joinMasks, fields, isGroup: isRatio }
}

export type { ImageInput, RawImage }
