// From what the pointer drew, in cells, to the cells that it means.
import type { Grid } from '../stage/cells.js'

/** In cells, fractions included. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** Cells whose middle lies in a circle. At least the one under the point. */
export function inBrush({ x, y }: Point, size: number, { width, height }: Grid): number[] {
  const radius = size / 2
  const found = new Set<number>()
  if (x >= 0 && y >= 0 && x < width && y < height) found.add(Math.floor(y) * width + Math.floor(x))
  for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(height, y + radius); row++) {
    for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(width, x + radius); column++) {
      if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius) found.add(row * width + column)
    }
  }
  return [...found]
}

/** Along a stroke, so that a fast hand leaves no gaps. */
export function alongBrush(from: Point, to: Point, size: number, grid: Grid): number[] {
  const count = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) * 2))
  const found = new Set<number>()
  for (let i = 1; i <= count; i++) {
    const share = i / count
    const point = { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) }
    for (const cell of inBrush(point, size, grid)) found.add(cell)
  }
  return [...found]
}

/** Cells that a rectangle touches. */
export function inRectangle(one: Point, other: Point, { width, height }: Grid): number[] {
  const within = (value: number, below: number): number => Math.min(Math.max(Math.floor(value), 0), below - 1)
  const [left, right] = [within(Math.min(one.x, other.x), width), within(Math.max(one.x, other.x), width)]
  const [top, bottom] = [within(Math.min(one.y, other.y), height), within(Math.max(one.y, other.y), height)]
  const found: number[] = []
  for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) found.push(row * width + column)
  return found
}

/** Cells whose middle lies within a closed line, and those that the line itself crosses. */
export function inLasso(points: readonly Point[], grid: Grid): number[] {
  const found = new Set<number>()
  for (let row = 0; row < grid.height; row++) {
    const edges = crossings(row + 0.5, points)
    for (let i = 0; i + 1 < edges.length; i += 2) {
      const last = Math.min(grid.width - 1, Math.ceil(edges[i + 1]! - 0.5) - 1)
      for (let column = Math.max(0, Math.ceil(edges[i]! - 0.5)); column <= last; column++) found.add(row * grid.width + column)
    }
  }
  points.forEach((point, i) => {
    for (const cell of alongBrush(points.at(i - 1)!, point, 0, grid)) found.add(cell)
  })
  return [...found]
}

// Where the line crosses a height, from left to right: in it and out of it in turns.
function crossings(y: number, points: readonly Point[]): number[] {
  const found: number[] = []
  points.forEach((b, i) => {
    const a = points.at(i - 1)!
    if (a.y > y !== b.y > y) found.push(((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x)
  })
  return found.sort((one, other) => one - other)
}
