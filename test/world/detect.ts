// Reads a scene back from pixels: connected areas that differ from the background, each named by its nearest colour and by the
// shape whose outline covers it best. Works because shapes of this world do not touch. Judges prompts by what it finds.
import { backgrounds, colors, coverage, relation, shapes, side } from './scene.js'
import type { Background, Color, Prompt, Scene, Shape } from './scene.js'

export interface Found {
  readonly color: Color | 'mixed'
  readonly shape: Shape | 'unclear'
  readonly x: number
  readonly y: number
  /** Overlap (intersection over union) with the outline of that shape, 0..1. */
  readonly overlap: number
}
export interface Reading {
  readonly background: Background
  readonly things: readonly Found[]
}

const smallestArea = 24 // pixels; the smallest true shape covers about 60
const leastOverlap = 0.62 // below this no outline fits
const leastPurity = 0.72 // share of an area that has its colour

function squared(pixels: Uint8Array, p: number, rgb: readonly number[]): number {
  let sum = 0
  for (let c = 0; c < 3; c++) sum += (pixels[p * 3 + c]! - rgb[c]!) ** 2
  return sum
}

function nearest<K extends string>(pixels: Uint8Array, p: number, table: Readonly<Record<K, readonly number[]>>): K {
  let best: K | undefined
  let least = Infinity
  for (const name of Object.keys(table) as K[]) {
    const d = squared(pixels, p, table[name])
    if (d < least) [best, least] = [name, d]
  }
  return best!
}

function most<K>(votes: Iterable<K>): [K, number] {
  const count = new Map<K, number>()
  for (const vote of votes) count.set(vote, (count.get(vote) ?? 0) + 1)
  return [...count].reduce((a, b) => (b[1] > a[1] ? b : a))
}

/** Areas of set pixels, joined over edges. */
function components(mask: Uint8Array): number[][] {
  const seen = new Uint8Array(mask.length)
  const areas: number[][] = []
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue
    const area = [start]
    seen[start] = 1
    for (let i = 0; i < area.length; i++) {
      const p = area[i]!
      const x = p % side
      for (const q of [x > 0 ? p - 1 : -1, x < side - 1 ? p + 1 : -1, p - side, p + side]) {
        if (q < 0 || q >= mask.length || !mask[q] || seen[q]) continue
        seen[q] = 1
        area.push(q)
      }
    }
    areas.push(area)
  }
  return areas
}

/** The outline that covers the area best, over shapes, radii and centres near its bounding box. */
function bestShape(area: readonly number[]): { shape: Shape; overlap: number; x: number; y: number } {
  const xs = area.map((p) => p % side)
  const ys = area.map((p) => Math.floor(p / side))
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const inside = new Set(area)
  const middle = { x: (left + right + 1) / 2, y: (top + bottom + 1) / 2 }
  let best = { shape: shapes[0] as Shape, overlap: 0, ...middle }
  const radii = Math.max(right - left, bottom - top) + 1 > 20 ? [13, 14, 15] : [6, 7, 8]
  for (const shape of shapes)
    for (const radius of radii)
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const at = { shape, radius, x: Math.round(middle.x) + dx, y: Math.round(middle.y) + dy }
          const overlap = overlapWith(at, inside, area.length, [left - 2, right + 2, top - 2, bottom + 2])
          if (overlap > best.overlap) best = { shape, overlap, x: at.x, y: at.y }
        }
  return best
}

function overlapWith(
  at: { shape: Shape; radius: number; x: number; y: number },
  inside: ReadonlySet<number>,
  area: number,
  [left, right, top, bottom]: readonly [number, number, number, number],
): number {
  let both = 0
  let drawn = 0
  for (let y = Math.max(0, Math.min(top, at.y - at.radius - 2)); y <= Math.min(side - 1, Math.max(bottom, at.y + at.radius + 2)); y++)
    for (let x = Math.max(0, Math.min(left, at.x - at.radius - 2)); x <= Math.min(side - 1, Math.max(right, at.x + at.radius + 2)); x++) {
      if (coverage(at, x, y) < 0.5) continue
      drawn++
      if (inside.has(y * side + x)) both++
    }
  return both / (drawn + area - both)
}

/** What a picture of 64 x 64 RGB pixels shows. */
export function detect(pixels: Uint8Array): Reading {
  const all = { ...backgrounds, ...colors }
  const names = Array.from({ length: side * side }, (_, p) => nearest(pixels, p, all))
  const [background] = most(names.filter((name): name is Background => name in backgrounds))
  const canvas = backgrounds[background]
  const mask = Uint8Array.from(names, (_, p) => {
    const color = nearest(pixels, p, colors)
    return squared(pixels, p, canvas) > squared(pixels, p, colors[color]) ? 1 : 0
  })
  const things = components(mask)
    .filter((area) => area.length >= smallestArea)
    .map((area): Found => {
      const [color, votes] = most(area.map((p) => nearest(pixels, p, colors)))
      const fit = bestShape(area)
      return {
        color: votes / area.length >= leastPurity ? color : 'mixed',
        shape: fit.overlap >= leastOverlap ? fit.shape : 'unclear',
        x: fit.x,
        y: fit.y,
        overlap: fit.overlap,
      }
    })
  return { background, things }
}

const tally = (things: readonly { color: string; shape?: string }[], withShape: boolean): string =>
  things
    .map((thing) => (withShape ? `${thing.color} ${thing.shape}` : thing.color))
    .sort()
    .join(', ')

export interface Verdict {
  /** Every colour, shape, count, background and relation as asked. */
  readonly right: boolean
  /** Colours, shapes and count, whatever the relation. */
  readonly things: boolean
  /** Colours and count alone. */
  readonly colors: boolean
}

/** Compares what a picture shows with what the prompt asked for. */
export function judge(prompt: Prompt, reading: Reading): Verdict {
  const asked: Scene = prompt.scene
  const background = reading.background === asked.background
  const things = background && tally(reading.things, true) === tally(asked.things, true)
  const [a, b] = asked.things
  const found = (thing: typeof a): Found | undefined =>
    reading.things.find((seen) => seen.color === thing?.color && seen.shape === thing.shape)
  const [seenA, seenB] = [found(a), found(b)]
  const placed = prompt.kind !== 'position' || !!(a && b && seenA && seenB && relation(a, b) === relation(seenA, seenB))
  return { right: things && placed, things, colors: background && tally(reading.things, false) === tally(asked.things, false) }
}
