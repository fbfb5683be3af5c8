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
const leastPurity = 0.72 // share of an area's inner pixels that has its colour

type Palette<K extends string> = readonly (readonly [K, readonly [number, number, number]])[]
const canvases = Object.entries(backgrounds) as unknown as Palette<Background>
const paints = Object.entries(colors) as unknown as Palette<Color>
const everything: Palette<Background | Color> = [...canvases, ...paints]

function squared(pixels: Uint8Array, p: number, [r, g, b]: readonly [number, number, number]): number {
  return (pixels[p * 3]! - r) ** 2 + (pixels[p * 3 + 1]! - g) ** 2 + (pixels[p * 3 + 2]! - b) ** 2
}

function nearest<K extends string>(pixels: Uint8Array, p: number, palette: Palette<K>): K {
  let best = palette[0]![0]
  let least = Infinity
  for (const [name, rgb] of palette) {
    const d = squared(pixels, p, rgb)
    if (d < least) [best, least] = [name, d]
  }
  return best
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

/** The pixels of an area whose four neighbours belong to it too: without the mixed colours of its rim. All, where hardly any does. */
function core(area: readonly number[]): readonly number[] {
  const inside = new Set(area)
  const found = area.filter((p) => [p - 1, p + 1, p - side, p + side].every((q) => inside.has(q)))
  return found.length >= 8 ? found : area
}

/** The outline that covers the area best, over shapes, radii and centres near its bounding box. */
function bestShape(area: readonly number[]): { shape: Shape; overlap: number; x: number; y: number } {
  const xs = area.map((p) => p % side)
  const ys = area.map((p) => Math.floor(p / side))
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const inside = new Uint8Array(side * side)
  for (const p of area) inside[p] = 1
  const middle = { x: (left + right + 1) / 2, y: (top + bottom + 1) / 2 }
  let best = { shape: shapes[0] as Shape, overlap: 0, ...middle }
  const radii = Math.max(right - left, bottom - top) + 1 > 20 ? [13, 14, 15] : [6, 7, 8]
  for (const shape of shapes)
    for (const radius of radii)
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const at = { shape, radius, x: Math.round(middle.x) + dx, y: Math.round(middle.y) + dy }
          const overlap = overlapWith(at, inside, area.length)
          if (overlap > best.overlap) best = { shape, overlap, x: at.x, y: at.y }
        }
  return best
}

/** Offsets of the pixels that a shape covers at least half, from its centre; a corner of four pixels is the centre. */
const stencils = new Map<string, readonly (readonly [number, number])[]>()
function stencil(shape: Shape, radius: number): readonly (readonly [number, number])[] {
  const key = `${shape} ${radius}`
  const known = stencils.get(key)
  if (known) return known
  const at = { shape, radius, x: 0, y: 0 }
  const reach = Array.from({ length: 2 * radius + 4 }, (_, i) => i - radius - 2)
  const made = reach.flatMap((y) => reach.filter((x) => coverage(at, x, y) >= 0.5).map((x) => [x, y] as const))
  stencils.set(key, made)
  return made
}

function overlapWith(at: { shape: Shape; radius: number; x: number; y: number }, inside: Uint8Array, area: number): number {
  let both = 0
  let drawn = 0
  for (const [dx, dy] of stencil(at.shape, at.radius)) {
    const [x, y] = [at.x + dx, at.y + dy]
    if (x < 0 || x >= side || y < 0 || y >= side) continue
    drawn++
    both += inside[y * side + x]!
  }
  return both / (drawn + area - both)
}

/** What a picture of 64 x 64 RGB pixels shows. */
export function detect(pixels: Uint8Array): Reading {
  const names = Array.from({ length: side * side }, (_, p) => nearest(pixels, p, everything))
  const [background] = most(names.filter((name): name is Background => name in backgrounds))
  const canvas = backgrounds[background]
  const mask = Uint8Array.from(names, (_, p) =>
    squared(pixels, p, canvas) > squared(pixels, p, colors[nearest(pixels, p, paints)]) ? 1 : 0,
  )
  const things = components(mask)
    .filter((area) => area.length >= smallestArea)
    .map((area): Found => {
      const middle = core(area)
      const [color, votes] = most(middle.map((p) => nearest(pixels, p, paints)))
      const fit = bestShape(area)
      return {
        color: votes / middle.length >= leastPurity ? color : 'mixed',
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

export interface SceneVerdict {
  /** Background, and every thing's colour and shape, no more and no fewer. */
  readonly things: boolean
  /** That, and every thing within half a cell of where the scene has it. */
  readonly placed: boolean
}

/** Compares what a picture shows with the scene that it should show. */
export function judgeScene(scene: Scene, reading: Reading): SceneVerdict {
  const things = reading.background === scene.background && tally(reading.things, true) === tally(scene.things, true)
  const left = [...reading.things]
  const placed = scene.things.every((thing) => {
    const at = left.findIndex(
      (seen) =>
        seen.color === thing.color && seen.shape === thing.shape && Math.abs(seen.x - thing.x) <= 4 && Math.abs(seen.y - thing.y) <= 4,
    )
    if (at >= 0) left.splice(at, 1)
    return at >= 0
  })
  return { things, placed: things && placed }
}

/** Compares what a picture shows with what the prompt asked for. */
export function judge(prompt: Prompt, reading: Reading): Verdict {
  const asked: Scene = prompt.scene
  const { things } = judgeScene(asked, reading)
  const [a, b] = asked.things
  const found = (thing: typeof a): Found | undefined =>
    reading.things.find((seen) => seen.color === thing?.color && seen.shape === thing.shape)
  const [seenA, seenB] = [found(a), found(b)]
  const placed = prompt.kind !== 'position' || !!(a && b && seenA && seenB && relation(a, b) === relation(seenA, seenB))
  return {
    right: things && placed,
    things,
    colors: reading.background === asked.background && tally(reading.things, false) === tally(asked.things, false),
  }
}
