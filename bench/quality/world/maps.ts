// Maps of a scene as the training data draws them, and how far a map agrees with the drawn one.
import { around, canvasOf, coverage, figurePart, paint, partsOf, thingPart, toPicture } from './draw.js'
import type { Part, Picture } from './draw.js'
import { limb, limbs } from './outline.js'
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

const softness = 16 // how far a soft line reaches beyond a star's points

const grey = (value: number): Rgb => [value, value, value]

/** White lines: along every edge that is painted (canny) or soft ones along silhouettes (hed); things hide what lies under them. */
function edges(kind: 'canny' | 'hed', scene: Scene): Float64Array {
  const canvas = canvasOf(scene, black)
  const inside = kind === 'canny' ? -1 : -4
  const line = (d: number): number => (kind === 'canny' ? 1.5 - Math.abs(d) : 1 - Math.abs(d) / 4)
  for (const part of partsOf(scene))
    around(scene, { ...part, reach: part.reach + softness }, (pixel, x, y) => {
      const d = kind === 'canny' ? part.area(x, y) : part.outer(x, y)
      const before = d < inside ? 0 : canvas[pixel * 3]!
      const value = Math.max(before, 255 * Math.min(1, Math.max(0, line(d))))
      canvas[pixel * 3] = canvas[pixel * 3 + 1] = canvas[pixel * 3 + 2] = value
    })
  return canvas
}

/** Nearer is brighter, and larger things are nearer. */
function depth(scene: Scene): Float64Array {
  const canvas = canvasOf(scene, grey(far))
  const things = scene.objects.map(({ size }) => (size === 'small' ? 161 : 252))
  const rest = scene.word ? [120] : scene.block ? [200, 252, 252] : [200]
  const heights = [...things, ...rest]
  for (const [i, part] of partsOf(scene).entries()) paint(canvas, scene, part, grey(heights[i]!), part.outer)
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
      const color = d > -8 ? slope(part, x, y, pixel, scene) : flat
      for (let c = 0; c < 3; c++) canvas[pixel * 3 + c] = canvas[pixel * 3 + c]! * (1 - share) + color[c]! * share
    })
  return canvas
}

/** By the difference of the neighbouring pixels, of the pixel itself where the picture ends. */
function slope({ outer }: Part, x: number, y: number, pixel: number, { width, height }: Scene): Rgb {
  const [column, row] = [pixel % width, Math.floor(pixel / width)]
  const [left, right] = [column === 0 ? x : x - 1, column === width - 1 ? x : x + 1]
  const [top, bottom] = [row === 0 ? y : y - 1, row === height - 1 ? y : y + 1]
  const dx = (outer(right, y) - outer(left, y)) / (right - left)
  const dy = (outer(x, bottom) - outer(x, top)) / (bottom - top)
  const length = Math.hypot(dx, dy) + 1e-6
  return [128 + (90 * dx) / length, 128 + (90 * dy) / length, 218]
}

/** Every thing in a colour by its place in reading order; a word, figure or block is one thing, the last. */
function segments(scene: Scene): Float64Array {
  const canvas = canvasOf(scene, black)
  const things = [...scene.objects].sort((a, b) => a.y - b.y || a.x - b.x).map((thing) => thingPart(thing, scene.cell))
  for (const [i, part] of things.entries()) paint(canvas, scene, part, masks[i]!, part.outer)
  for (const part of partsOf(scene).slice(things.length)) paint(canvas, scene, part, masks[things.length]!, part.outer)
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
  depth: [far, 120, 161, 200, 252].map(grey),
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
