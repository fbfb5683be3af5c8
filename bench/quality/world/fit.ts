// What an area of pixels is: the outline that covers it best, over shapes, fills, sizes and places near its bounding box.
import { block, figureDistance, painted, silhouette } from './outline.js'
import type { Pose } from './outline.js'
import { known, shapes, sizes } from './scene.js'
import type { Fill, Scene, Shape, Size } from './scene.js'

export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number // the last column and row that belong to it
  readonly bottom: number
}

export type Form =
  | { readonly kind: 'thing'; readonly shape: Shape; readonly fill: Fill; readonly size: Size }
  | { readonly kind: 'figure'; readonly pose: Pose }
  | { readonly kind: 'block' }
  | { readonly kind: 'mark'; readonly shape: Shape }

export interface Fit {
  readonly form: Form
  /** Intersection over union, 0 to 1. */
  readonly overlap: number
  readonly x: number
  readonly y: number
}

/** A form's pixels relative to its centre (a corner of four pixels), as pairs, and their bounding box. */
interface Stencil {
  readonly form: Form
  readonly points: Int16Array
  readonly box: Box
}

function stencil(form: Form, reach: number, distance: (x: number, y: number) => number): Stencil {
  const points: number[] = []
  const box = { left: reach, top: reach, right: -reach, bottom: -reach }
  for (let y = -reach; y < reach; y++)
    for (let x = -reach; x < reach; x++) {
      if (distance(x + 0.5, y + 0.5) > 0) continue
      points.push(x, y)
      box.left = Math.min(box.left, x)
      box.right = Math.max(box.right, x)
      box.top = Math.min(box.top, y)
      box.bottom = Math.max(box.bottom, y)
    }
  return { form, points: Int16Array.from(points), box }
}

function thingStencils(cell: Scene['cell']): Stencil[] {
  const { shapes: ours, fills: kinds } = known[cell]
  return (['small', 'large'] as const).flatMap((size) =>
    [-1, 0, 1].flatMap((more) => {
      const r = sizes[cell][size].radius + more
      return ours.flatMap((shape) =>
        kinds.map((fill) => stencil({ kind: 'thing', shape, fill, size }, Math.ceil(1.2 * r) + 2, (x, y) => painted(shape, fill, x, y, r))),
      )
    }),
  )
}

function others(): Stencil[] {
  const arms = ['up', 'out', 'down'] as const
  const poses = arms.flatMap((left) => arms.flatMap((right) => (['together', 'apart'] as const).map((legs) => ({ left, right, legs }))))
  const figures = poses.map((pose) => stencil({ kind: 'figure', pose }, 60, (x, y) => figureDistance(pose, x, y)))
  return [...figures, stencil({ kind: 'block' }, 40, (x, y) => Math.max(Math.abs(x), Math.abs(y)) - block.half)]
}

const made = new Map<string, readonly Stencil[]>()
function stencils(what: Scene['cell'] | 'marks'): readonly Stencil[] {
  const known = made.get(String(what))
  if (known) return known
  const r = block.markRadius
  const list =
    what === 'marks'
      ? shapes.map((shape) => stencil({ kind: 'mark', shape }, Math.ceil(1.2 * r) + 2, (x, y) => silhouette(shape, x, y, r)))
      : [...thingStencils(what), ...(what === 16 ? others() : [])]
  made.set(String(what), list)
  return list
}

/** An area of pixels in a picture that is `width` wide. */
export interface Area {
  readonly pixels: readonly number[]
  readonly box: Box
}

export function areaOf(pixels: readonly number[], width: number): Area {
  const box = { left: Infinity, top: Infinity, right: -1, bottom: -1 }
  for (const p of pixels) {
    const [x, y] = [p % width, Math.floor(p / width)]
    box.left = Math.min(box.left, x)
    box.right = Math.max(box.right, x)
    box.top = Math.min(box.top, y)
    box.bottom = Math.max(box.bottom, y)
  }
  return { pixels, box }
}

const middle = (low: number, high: number): number => (low + high + 1) / 2
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 2 + 0.2 * b

/** The best of the forms of a world, or of a block's marks; overlap 0 where none comes near in size. */
export function fit({ pixels, box }: Area, width: number, height: number, what: Scene['cell'] | 'marks'): Fit {
  const inside = new Uint8Array(width * height)
  for (const p of pixels) inside[p] = 1
  const tried = ({ form, points, box: own }: Stencil, moves: readonly number[]): Fit & { readonly of: Stencil } => {
    const across = Math.round(middle(box.left, box.right) - middle(own.left, own.right))
    const down = Math.round(middle(box.top, box.bottom) - middle(own.top, own.bottom))
    let best: Fit = { form, overlap: -1, x: across, y: down }
    for (const dy of moves)
      for (const dx of moves) {
        const [x, y] = [across + dx, down + dy]
        const overlap = overlapAt(points, x, y, inside, width, height, pixels.length)
        if (overlap > best.overlap) best = { form, overlap, x, y }
      }
    return { ...best, of: { form, points, box: own } }
  }
  const candidates = stencils(what).filter(
    ({ box: own }) => near(box.right - box.left, own.right - own.left) && near(box.bottom - box.top, own.bottom - own.top),
  )
  // Those that cover it best with the boxes' middles together are tried around there too.
  const best = candidates
    .map((candidate) => tried(candidate, [0]))
    .sort((a, b) => b.overlap - a.overlap)
    .slice(0, 16)
    .map(({ of }) => tried(of, [0, -1, 1, -2, 2]))
    .reduce<Fit | undefined>((a, b) => (a && a.overlap >= b.overlap ? a : b), undefined)
  return best ?? { form: { kind: 'block' }, overlap: 0, x: middle(box.left, box.right), y: middle(box.top, box.bottom) }
}

function overlapAt(points: Int16Array, x: number, y: number, inside: Uint8Array, width: number, height: number, size: number): number {
  let both = 0
  let drawn = 0
  for (let i = 0; i < points.length; i += 2) {
    const [column, row] = [x + points[i]!, y + points[i + 1]!]
    if (column < 0 || column >= width || row < 0 || row >= height) continue
    drawn++
    both += inside[row * width + column]!
  }
  return both / (drawn + size - both)
}
