// Maps of a scene as the training data draws them, and how far a map agrees with the drawn one.
import { canvasOf, coverage, around, figurePart, paint, partsOf, thingPart, toPicture } from './draw.js'
import type { Part, Picture } from './draw.js'
import { limb, limbs } from './outline.js'
import { sizes } from './scene.js'
import type { Rgb, Scene } from './scene.js'

export const mapKinds = ['canny', 'hed', 'depth', 'normal', 'sam2mask', 'openpose'] as const
export type MapKind = (typeof mapKinds)[number]

const black: Rgb = [0, 0, 0]
const far = 30
const flat: Rgb = [128, 128, 255]
const masks: readonly Rgb[] = [
  [230, 60, 60],
  [60, 200, 80],
  [70, 110, 240],
  [240, 210, 60],
  [190, 80, 220],
]
const limbColors: Readonly<Record<(typeof limbs)[number], Rgb>> = {
  spine: [255, 255, 255],
  leftArm: [255, 60, 60],
  rightArm: [60, 255, 60],
  leftLeg: [60, 120, 255],
  rightLeg: [255, 220, 40],
  head: [255, 0, 255],
}

const grey = (value: number): Rgb => [value, value, value]

/** Outlines: sharp ones of everything painted, nearer things hiding farther ones; or soft ones of silhouettes. */
function edges(kind: 'canny' | 'hed', scene: Scene): Float64Array {
  const canvas = canvasOf(scene, black)
  const put = (pixel: number, value: number): void => void canvas.fill(value, pixel * 3, pixel * 3 + 3)
  for (const part of partsOf(scene))
    around(scene, { ...part, reach: part.reach + 4 }, (pixel, x, y) => {
      const before = canvas[pixel * 3]!
      if (kind === 'hed') return put(pixel, Math.max(before, 255 * Math.max(0, 1 - Math.abs(part.outer(x, y)) / 4)))
      const d = part.area(x, y)
      put(pixel, Math.max(d < -1 ? 0 : before, 255 * Math.min(1, Math.max(0, 1.5 - Math.abs(d)))))
    })
  return canvas
}

function depth(scene: Scene): Float64Array {
  const { cell, objects, word, figure } = scene
  const canvas = canvasOf(scene, grey(far))
  const parts = partsOf(scene)
  const heights = [...objects.map(({ size }) => sizes[cell][size].depth), ...(figure ? [200] : [])]
  const rest = word ? 120 : 200
  for (const [i, part] of parts.entries()) paint(canvas, scene, part, grey(heights[i] ?? rest), part.outer)
  return canvas
}

/** The outward direction near the rim of things. */
function normal(scene: Scene): Float64Array {
  const canvas = canvasOf(scene, flat)
  for (const part of partsOf(scene))
    around(scene, part, (pixel, x, y) => {
      const d = part.outer(x, y)
      const share = coverage(d)
      if (share === 0) return
      const color = d > -8 ? slope(part, x, y) : flat
      for (let c = 0; c < 3; c++) canvas[pixel * 3 + c] = canvas[pixel * 3 + c]! * (1 - share) + color[c]! * share
    })
  return canvas
}

function slope({ outer }: Part, x: number, y: number): Rgb {
  const [dx, dy] = [outer(x + 0.5, y) - outer(x - 0.5, y), outer(x, y + 0.5) - outer(x, y - 0.5)]
  const length = Math.hypot(dx, dy) || 1
  return [128 + (90 * dx) / length, 128 + (90 * dy) / length, 218]
}

function segments(scene: Scene): Float64Array {
  const canvas = canvasOf(scene, black)
  const inOrder = [...scene.objects].sort((a, b) => a.y - b.y || a.x - b.x).map((thing) => thingPart(thing, scene.cell))
  const parts = [...inOrder, ...(scene.figure ? [figurePart(scene.figure)] : [])]
  for (const [i, part] of parts.entries()) paint(canvas, scene, part, masks[i]!, part.outer)
  return canvas
}

function skeleton(scene: Scene): Float64Array {
  const canvas = canvasOf(scene, black)
  const { figure } = scene
  if (figure)
    for (const name of limbs) {
      const distance = (x: number, y: number): number => limb(name, figure, x, y) - (name === 'head' ? 8 : 3)
      paint(canvas, scene, figurePart(figure), limbColors[name], distance)
    }
  return canvas
}

export function drawMap(kind: MapKind, scene: Scene): Picture {
  const drawn = {
    canny: () => edges('canny', scene),
    hed: () => edges('hed', scene),
    depth: () => depth(scene),
    normal: () => normal(scene),
    sam2mask: () => segments(scene),
    openpose: () => skeleton(scene),
  }
  return toPicture(scene, drawn[kind]())
}

const levels: Readonly<Record<'depth' | 'sam2mask' | 'openpose', readonly Rgb[]>> = {
  depth: [far, 120, 160, 200, 250].map(grey),
  sam2mask: [black, ...masks],
  openpose: [black, ...Object.values(limbColors)],
}

/** What a pixel of a map says, as a small number; 0: nothing. Edges are there or not, depths and colours the nearest, slopes by their way. */
function meaning(kind: MapKind, data: Uint8Array, pixel: number): number {
  const [r, g, b] = [data[pixel * 3]!, data[pixel * 3 + 1]!, data[pixel * 3 + 2]!]
  if (kind === 'normal') {
    if (Math.hypot(r - 128, g - 128) < 45) return 0
    return 1 + ((Math.round(Math.atan2(g - 128, r - 128) / (Math.PI / 4)) + 8) % 8)
  }
  const colorful = Math.max(r, g, b) - Math.min(r, g, b) > 48
  if (kind === 'canny' || kind === 'hed') return colorful ? 2 : g >= 128 ? 1 : 0
  if (kind === 'depth' && colorful) return levels.depth.length
  const distances = levels[kind].map((color) => (r - color[0]) ** 2 + (g - color[1]) ** 2 + (b - color[2]) ** 2)
  return distances.indexOf(Math.min(...distances))
}

/** Intersection over union of what is marked in two maps of one size, whatever says something else being no intersection: 0 to 1. */
export function mapOverlap(kind: MapKind, a: Picture, b: Picture): number {
  if (a.width !== b.width || a.height !== b.height) return 0
  let both = 0
  let any = 0
  for (let pixel = 0; pixel < a.width * a.height; pixel++) {
    const [one, two] = [meaning(kind, a.data, pixel), meaning(kind, b.data, pixel)]
    if (one || two) any++
    if (one && one === two) both++
  }
  return any === 0 ? 1 : both / any
}

/** A map with at least this overlap is right; another scene's map hardly ever reaches it. */
export const rightOverlap = 0.7
