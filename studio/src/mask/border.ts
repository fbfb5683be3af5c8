// What an outpaint adds, in whole cells: sides go up to the grid, as the model extends a picture.
import type { Size } from '../pictures/picture.js'

export interface Border {
  /** Of the picture to come, in pixels. */
  readonly whole: Size
  /** What is kept of the given one, in pixels of the whole. */
  readonly kept: Size & { readonly left: number; readonly top: number }
  /** Where the given picture lies in the whole; larger than what is kept where a ratio cuts into it. */
  readonly picture: Size & { readonly left: number; readonly top: number }
  /** Cells that are drawn. */
  readonly cells: number
}

interface Extend {
  readonly left?: unknown
  readonly right?: unknown
  readonly top?: unknown
  readonly bottom?: unknown
  readonly ratio?: { readonly width?: unknown; readonly height?: unknown }
}

/** `size`: of the given picture; each side goes down to the grid first. */
export function borderOf(size: Size, extend: unknown, scale: number): Border {
  const { ratio, ...sides } = (typeof extend === 'object' && extend !== null ? extend : {}) as Extend
  const [width, height] = [onGrid(size.width, scale), onGrid(size.height, scale)]
  const cellsOf = (one: Size): number => (one.width * one.height) / scale ** 2
  if (ratio) {
    const share = (value: unknown): number => (typeof value === 'number' && value > 0 && value <= 1 ? value : 1)
    const own = { width: width * share(ratio.width), height: height * share(ratio.height) }
    const kept = { ...own, left: (width - own.width) / 2, top: (height - own.height) / 2 }
    return {
      whole: { width, height },
      picture: { width, height, left: 0, top: 0 },
      kept,
      cells: Math.round(cellsOf({ width, height }) - cellsOf(own)),
    }
  }
  const side = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.ceil(value / scale) * scale : 0)
  const [left, right, top, bottom] = [side(sides.left), side(sides.right), side(sides.top), side(sides.bottom)]
  const whole = { width: width + left + right, height: height + top + bottom }
  const place = { width, height, left, top }
  return { whole, picture: place, kept: place, cells: cellsOf(whole) - cellsOf(place) }
}

const onGrid = (side: number, scale: number): number => Math.max(scale, Math.floor(side / scale) * scale)
