// Regions of a picture as cells of its grid: whatever touches a cell takes all of it.
import { breathe } from '../base/breathe.js'
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { isCells, isRawImage, isRects, type RawImage, type Rect } from '../fields/values.js'
import { checkRawImage } from './raw.js'

/** Cells of a picture. */
export interface Grid {
  readonly width: number
  readonly height: number
}

/** Throws `request/invalid` for a rectangle that leaves a picture of width x height pixels. */
export function checkRects(where: string, rects: readonly Rect[], width: number, height: number): void {
  for (const { left, top, width: w, height: h } of rects) {
    if (left >= 0 && top >= 0 && left + w <= width && top + h <= height) continue
    throw invalid(`${where}: region must lie inside ${width} x ${height} pixels, got ${w} x ${h} at ${left}, ${top}`)
  }
}

/** Shares of the picture's sides, 0 to 1, for the rectangle in its middle. */
interface Ratio {
  readonly width: number
  readonly height: number
}

interface Pixels {
  readonly width: number
  readonly height: number
}

/** A region that is at hand: what is a file has been read. */
export type Region = Rect | readonly Rect[] | RawImage | Uint32Array | readonly number[]

/**
 * Cells that the region touches, ascending, at least one. `size` is that of the picture in whose pixels rectangles are given and which
 * a mask must have; its sides need not be multiples of the cell.
 */
export function regionCells(where: string, region: Region, grid: Grid, size: Pixels): Uint32Array {
  const touching = touch(where, region, grid, size)
  for (;;) {
    const { done, value } = touching.next()
    if (done) return value
  }
}

/** The same with pauses for the event loop: a mask may have millions of pixels. */
export async function regionCellsSlowly(where: string, region: Region, grid: Grid, size: Pixels): Promise<Uint32Array> {
  const touching = touch(where, region, grid, size)
  for (;;) {
    const { done, value } = touching.next()
    if (done) return value
    await breathe()
  }
}

// Yields now and then.
function* touch(where: string, region: Region, grid: Grid, size: Pixels): Generator<void, Uint32Array> {
  const cells = grid.width * grid.height
  if (isCells(region)) {
    const bad = Array.from(region).find((cell) => !(cell >= 0 && cell < cells))
    if (bad !== undefined) throw invalid(`${where}: region must hold cells from 0 to ${cells - 1}, got ${bad}`)
    return notEmpty(where, Uint32Array.from(new Set(region)).sort())
  }
  const touched = new Uint8Array(cells)
  if (isRects(region)) {
    const rects = Array.isArray(region) ? (region as readonly Rect[]) : [region as Rect]
    checkRects(where, rects, size.width, size.height)
    for (const rect of rects) touchRect(touched, rect, grid, size)
  } else if (isRawImage(region)) {
    yield* touchMask(touched, region, grid, size)
  } else {
    throw invalid(`${where}: region must be rectangles, a mask of pixels or an Uint32Array of cells, got ${show(region)}`)
  }
  return notEmpty(
    where,
    Uint32Array.from(touched.keys()).filter((cell) => touched[cell] === 1),
  )
}

function notEmpty(where: string, cells: Uint32Array): Uint32Array {
  if (cells.length === 0) throw invalid(`${where}: region must hold at least one cell, got none`)
  return cells
}

function touchRect(touched: Uint8Array, { left, top, width, height }: Rect, grid: Grid, size: Pixels): void {
  const across = (x: number): number => (x * grid.width) / size.width
  const down = (y: number): number => (y * grid.height) / size.height
  for (let line = Math.floor(down(top)); line < Math.ceil(down(top + height)); line++) {
    touched.fill(1, line * grid.width + Math.floor(across(left)), line * grid.width + Math.ceil(across(left + width)))
  }
}

/** Throws `image/invalid` for a mask that is not as large as its picture. */
export function checkMaskSize({ width, height }: RawImage, size: Pixels): void {
  if (width === size.width && height === size.height) return
  const message = `mask: expected ${size.width} x ${size.height} pixels as the picture has, got ${width} x ${height}`
  throw new DimooError('image/invalid', message)
}

/** Whether a pixel is masked. Any alpha below 255: what is more transparent than not. Otherwise what is at least half as bright as white. */
export function isMasked({ data, channels }: RawImage, byAlpha: boolean): (pixel: number) => boolean {
  if (byAlpha) return (pixel) => data[pixel * channels + 3]! < 128
  return (pixel) => 299 * data[pixel * channels]! + 587 * data[pixel * channels + 1]! + 114 * data[pixel * channels + 2]! >= 128_000
}

function* touchMask(touched: Uint8Array, mask: RawImage, grid: Grid, size: Pixels): Generator<void, void> {
  checkRawImage(mask)
  checkMaskSize(mask, size)
  const { width, height } = mask
  const masked = isMasked(mask, yield* isTransparent(mask))
  // Stretches of a line are rectangles one pixel high.
  for (let top = 0; top < height; top++) {
    for (let left = 0; left < width; left++) {
      const from = left
      while (left < width && masked(top * width + left)) left++
      if (left > from) touchRect(touched, { left: from, top, width: left - from, height: 1 }, grid, size)
    }
    yield
  }
}

function* isTransparent({ data, width, channels }: RawImage): Generator<void, boolean> {
  if (channels !== 4) return false
  const stride = width * channels
  for (let line = 0; line < data.length; line += stride) {
    for (let at = line + 3; at < line + stride; at += 4) if (data[at]! < 255) return true
    yield
  }
  return false
}

/** Whether a mask is told by its alpha: any of it is below 255. */
export async function hasAlpha(mask: RawImage): Promise<boolean> {
  const looking = isTransparent(mask)
  for (;;) {
    const { done, value } = looking.next()
    if (done) return value
    await breathe()
  }
}

/**
 * Cells inside or outside the original's rectangle in the middle of a picture (docs/model.md#given-parts): 1 where more than half of a cell
 * is. `given` is the picture's size, `resized` its size on the grid; `ratio` the rectangle's shares of the sides.
 */
export function ratioCells(side: 'inside' | 'outside', ratio: Ratio, given: Pixels, resized: Pixels, scale: number): Uint8Array {
  const wide = roundHalfEven(given.width * ratio.width)
  const high = roundHalfEven(given.height * ratio.height)
  const x = stretch(Math.floor((given.width - wide) / 2), wide, resized.width, given.width)
  const y = stretch(Math.floor((given.height - high) / 2), high, resized.height, given.height)
  const grid = { width: resized.width / scale, height: resized.height / scale }
  const chosen = new Uint8Array(grid.width * grid.height)
  for (let line = 0; line < grid.height; line++) {
    for (let column = 0; column < grid.width; column++) {
      const pixels = overlap(column * scale, scale, x) * overlap(line * scale, scale, y)
      const wanted = side === 'inside' ? pixels : scale * scale - pixels
      chosen[line * grid.width + column] = 2 * wanted > scale * scale ? 1 : 0
    }
  }
  return chosen
}

type Stretch = readonly [from: number, length: number]

function stretch(from: number, length: number, to: number, of: number): Stretch {
  return [roundHalfEven((from * to) / of), roundHalfEven((length * to) / of)]
}

function overlap(from: number, length: number, [start, size]: Stretch): number {
  return Math.max(0, Math.min(from + length, start + size) - Math.max(from, start))
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
