// Draws scenes: parts with a signed distance each, painted one over the other with the share of each pixel that they cover.
import { advance, inked, lineHeight } from './font.js'
import { block as sizesOfBlock, figureDistance, painted, silhouette } from './outline.js'
import { backgrounds, colors, palettes, sizes } from './scene.js'
import type { Block, Figure, Place, Rgb, Scene, Thing, Word } from './scene.js'

/** RGB bytes, row by row. */
export interface Picture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3
}

/** Something with an outline: where it is, how far its pixels can reach from there, its distances relative to there. */
export interface Part extends Place {
  readonly reach: number
  readonly color: Rgb
  /** To what is painted, and to the outer outline alone. */
  readonly area: (x: number, y: number) => number
  readonly outer: (x: number, y: number) => number
}

export function thingPart(thing: Thing, cell: Scene['cell']): Part {
  const { shape, fill, size } = thing
  const { radius } = sizes[cell][size]
  const outer = (x: number, y: number): number => silhouette(shape, x, y, radius)
  const area = (x: number, y: number): number => painted(shape, fill, x, y, radius)
  return { x: thing.x, y: thing.y, reach: radius * 1.2 + 2, color: colors[thing.color], area, outer }
}

export function figurePart(figure: Figure): Part {
  const area = (x: number, y: number): number => figureDistance(figure, x, y)
  return { x: figure.x, y: figure.y, reach: 58, color: colors[figure.color], area, outer: area }
}

/** The body, then its marks, each at its place on it. */
export function blockParts({ x, y, body, left, right, view }: Block): Part[] {
  const square = (u: number, v: number): number => Math.max(Math.abs(u), Math.abs(v)) - sizesOfBlock.half
  const mark = ({ shape, color }: Block['left'], offset: number): Part => {
    const outer = (u: number, v: number): number => silhouette(shape, u, v, sizesOfBlock.markRadius)
    return { x: x + offset, y, reach: sizesOfBlock.markRadius * 1.2 + 2, color: colors[color], area: outer, outer }
  }
  const off = sizesOfBlock.markOffset
  const marks = {
    front: () => [mark(left, -off), mark(right, off)],
    back: () => [mark(right, -off), mark(left, off)],
    left: () => [mark(left, 0)],
    right: () => [mark(right, 0)],
  }
  return [{ x, y, reach: sizesOfBlock.half + 2, color: colors[body], area: square, outer: square }, ...marks[view]()]
}

/** Letters have hard edges: a pixel is ink or not, and no edge map shows them. */
function wordPart({ x, y, text, color }: Word): Part {
  const area = (u: number, v: number): number => (inked(text, u, v) ? -4 : 4)
  return { x, y, reach: Math.max(text.length * advance, lineHeight), color: colors[color], area, outer: area }
}

/** What a scene shows, in the order of painting. */
export function partsOf({ cell, objects, word, figure, block }: Scene): Part[] {
  return [
    ...objects.map((thing) => thingPart(thing, cell)),
    ...(figure ? [figurePart(figure)] : []),
    ...(block ? blockParts(block) : []),
    ...(word ? [wordPart(word)] : []),
  ]
}

/** Share of a pixel that is covered, by its distance. */
export const coverage = (distance: number): number => Math.min(1, Math.max(0, 0.5 - distance))

/** Calls `visit` with the index of each pixel that a part can touch and the pixel's middle relative to the part's place. */
export function around(
  { width, height }: Pick<Scene, 'width' | 'height'>,
  { x, y, reach }: Pick<Part, 'x' | 'y' | 'reach'>,
  visit: (pixel: number, x: number, y: number) => void,
): void {
  const from = (at: number): number => Math.max(0, Math.floor(at - reach))
  const to = (at: number, side: number): number => Math.min(side, Math.ceil(at + reach))
  for (let row = from(y); row < to(y, height); row++)
    for (let column = from(x); column < to(x, width); column++) visit(row * width + column, column + 0.5 - x, row + 0.5 - y)
}

/** Lays a colour over the pixels that a part covers. */
export function paint(canvas: Float64Array, size: Pick<Scene, 'width' | 'height'>, part: Part, color: Rgb, distance = part.area): void {
  around(size, part, (pixel, x, y) => {
    const share = coverage(distance(x, y))
    if (share > 0) for (let c = 0; c < 3; c++) canvas[pixel * 3 + c] = canvas[pixel * 3 + c]! * (1 - share) + color[c]! * share
  })
}

export function canvasOf({ width, height }: Pick<Scene, 'width' | 'height'>, color: Rgb): Float64Array {
  const canvas = new Float64Array(width * height * 3)
  for (let i = 0; i < canvas.length; i += 3) canvas.set(color, i)
  return canvas
}

/** Rounds half up. */
export function toPicture({ width, height }: Pick<Scene, 'width' | 'height'>, canvas: Float64Array): Picture {
  const data = new Uint8Array(canvas.length)
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(canvas[i]! + 0.5)
  return { data, width, height, channels: 3 }
}

export function draw(scene: Scene): Picture {
  const canvas = canvasOf(scene, backgrounds[scene.background])
  for (const part of partsOf(scene)) paint(canvas, scene, part, part.color)
  const tone = palettes[scene.palette]
  if (scene.palette !== 'plain') for (let i = 0; i < canvas.length; i++) canvas[i] = tone(canvas[i]!, i % 3)
  return toPicture(scene, canvas)
}
