// Reads a scene back from pixels. The palette and background that explain the colours best are undone; letters are found on their lattice;
// what else differs from the background is split into connected areas, each named by its nearest colour and by the outline that covers it
// best. Works because things of this world do not touch.
import { areaOf, fit } from './fit.js'
import type { Area, Fit } from './fit.js'
import { dot, advance, letters, lineHeight } from './font.js'
import { block as blockSizes } from './outline.js'
import { backgrounds, colors, known, palettes } from './scene.js'
import type { Background, Color, Figure, Mark, Palette, Place, Rgb, Scene, Shape, Fill, Size, Word, World } from './scene.js'
import type { Picture } from './draw.js'

export interface FoundThing extends Place {
  readonly color: Color | 'mixed'
  readonly shape: Shape | 'unclear'
  readonly fill: Fill
  readonly size: Size
}
/** Marks from left to right. */
export interface FoundBlock extends Place {
  readonly body: Color | 'mixed'
  readonly marks: readonly (Place & { readonly color: Color | 'mixed'; readonly shape: Mark['shape'] | 'unclear' })[]
}
export type FoundWord = Omit<Word, 'color'> & { readonly color: Color | 'mixed' }
export interface Reading {
  readonly palette: Palette
  readonly background: Background
  readonly things: readonly FoundThing[]
  readonly words: readonly FoundWord[]
  readonly figures: readonly (Omit<Figure, 'color'> & { readonly color: Color | 'mixed' })[]
  readonly blocks: readonly FoundBlock[]
}

const leastOverlap = 0.75 // below this no outline fits
const leastPurity = 0.72 // share of an area's inner pixels that has its colour
const smallestArea = { 8: 24, 16: 96 } as const // pixels; the smallest true thing covers more than twice that

const under = (palette: Palette, color: Rgb): Rgb => color.map((value, channel) => palettes[palette](value, channel)) as unknown as Rgb

function squared(data: Uint8Array, p: number, color: Rgb): number {
  return (data[p * 3]! - color[0]) ** 2 + (data[p * 3 + 1]! - color[1]) ** 2 + (data[p * 3 + 2]! - color[2]) ** 2
}

/** Finds the nearest of a list of colours; every colour once. */
function namer(list: readonly Rgb[]): (data: Uint8Array, p: number) => number {
  const known = new Map<number, number>()
  return (data, p) => {
    const key = (data[p * 3]! << 16) | (data[p * 3 + 1]! << 8) | data[p * 3 + 2]!
    const before = known.get(key)
    if (before !== undefined) return before
    let best = 0
    for (let i = 1; i < list.length; i++) if (squared(data, p, list[i]!) < squared(data, p, list[best]!)) best = i
    known.set(key, best)
    return best
  }
}

/** The palette under which the colours of a lattice of pixels lie nearest to those of the world; a stray colour counts no more than 60. */
function paletteOf({ data, width, height }: Picture, world: World): Palette {
  if (world.palettes.length === 1) return world.palettes[0]!
  const cost = (palette: Palette): number => {
    const list = [...world.backgrounds.map((name) => backgrounds[name]), ...world.colors.map((name) => colors[name])].map((color) =>
      under(palette, color),
    )
    const nearest = namer(list)
    let sum = 0
    for (let p = 0; p < width * height; p += 7) sum += Math.min(3600, squared(data, p, list[nearest(data, p)]!))
    return sum
  }
  return world.palettes.map((palette) => ({ palette, cost: cost(palette) })).reduce((a, b) => (b.cost < a.cost ? b : a)).palette
}

/** Areas of set pixels, joined over edges. */
function components(mask: Uint8Array, width: number): number[][] {
  const seen = new Uint8Array(mask.length)
  const areas: number[][] = []
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue
    const area = [start]
    seen[start] = 1
    for (let i = 0; i < area.length; i++) {
      const p = area[i]!
      const x = p % width
      for (const q of [x > 0 ? p - 1 : -1, x < width - 1 ? p + 1 : -1, p - width, p + width]) {
        if (q < 0 || q >= mask.length || !mask[q] || seen[q]) continue
        seen[q] = 1
        area.push(q)
      }
    }
    areas.push(area)
  }
  return areas
}

/** A picture with its pixels told apart. */
interface Told {
  readonly picture: Picture
  readonly world: World
  readonly cell: Scene['cell']
  /** Index into the world's colours of the nearest one. */
  readonly paintAt: (p: number) => number
  /** 1 where a pixel is no background. */
  readonly mask: Uint8Array
}

/** The colour that most of the inner pixels have: those whose four neighbours belong to the area too, all where hardly any does. */
function colorOf({ picture: { width }, world, paintAt }: Told, pixels: readonly number[]): Color | 'mixed' {
  const inside = new Set(pixels)
  const core = pixels.filter((p) => [p - 1, p + 1, p - width, p + width].every((q) => inside.has(q)))
  const counted = core.length >= 8 ? core : pixels
  const votes = new Uint32Array(world.colors.length)
  for (const p of counted) votes[paintAt(p)]!++
  const most = votes.indexOf(Math.max(...votes))
  return votes[most]! / counted.length >= leastPurity ? world.colors[most]! : 'mixed'
}

/** The letter whose dots the ink at (x, y) fills and whose gaps it leaves free. */
function letterAt({ picture: { width, height }, mask }: Told, x: number, y: number): string | undefined {
  if (x < 0 || y < 0 || x + 3 * dot > width || y + 5 * dot > height) return undefined
  const share = (left: number, top: number): number => {
    let ink = 0
    for (let v = top; v < top + dot; v++) for (let u = left; u < left + dot; u++) ink += u < width && v < height ? mask[v * width + u]! : 0
    return ink / dot ** 2
  }
  const shares = Array.from({ length: 15 }, (_, i) => share(x + (i % 3) * dot, y + Math.floor(i / 3) * dot))
  const gaps = [
    ...Array.from({ length: 5 }, (_, row) => share(x + 3 * dot, y + row * dot)),
    ...[0, 1, 2].map((i) => share(x + i * dot, y + 5 * dot)),
  ]
  if (shares.some((ink) => ink > 0.25 && ink < 0.75) || gaps.some((ink) => ink > 0.25)) return undefined
  return [...letters].find(([, dots]) => dots.every((set, i) => set === shares[i]! > 0.5))?.[0]
}

/** Words on the lattice of letters; their ink is taken out of the mask. */
function takeWords(told: Told): FoundWord[] {
  const { picture, mask } = told
  const words: FoundWord[] = []
  for (let y = 0; y + 5 * dot <= picture.height; y += 16)
    for (let x = 0; x + 3 * dot <= picture.width; x += 16) {
      const first = letterAt(told, x, y)
      if (first === undefined) continue
      let text = first
      for (let next = letterAt(told, x + advance, y); next !== undefined; next = letterAt(told, x + text.length * advance, y)) text += next
      const ink: number[] = []
      for (let v = y; v < Math.min(y + lineHeight, picture.height); v++)
        for (let u = x; u < Math.min(x + text.length * advance, picture.width); u++)
          if (mask[v * picture.width + u]) ink.push(v * picture.width + u)
      const color = colorOf(told, ink)
      for (const p of ink) mask[p] = 0
      words.push({ text, color, x, y })
    }
  return words
}

/** The area with its holes: whatever of its box cannot be reached from outside it. */
function closed({ pixels, box }: Area, width: number): number[] {
  const [columns, rows] = [box.right - box.left + 3, box.bottom - box.top + 3]
  const free = new Uint8Array(columns * rows).fill(1)
  const at = (p: number): number => (Math.floor(p / width) - box.top + 1) * columns + (p % width) - box.left + 1
  for (const p of pixels) free[at(p)] = 0
  const outside = new Set(components(free, columns)[0])
  const found: number[] = []
  for (let y = box.top; y <= box.bottom; y++)
    for (let x = box.left; x <= box.right; x++) if (!outside.has(at(y * width + x))) found.push(y * width + x)
  return found
}

/** A block's body and marks, the marks being what inside it has another colour. */
function readBlock(told: Told, pixels: readonly number[], { x, y }: Fit): FoundBlock {
  const { picture, world, paintAt } = told
  const { width, height } = picture
  const votes = new Uint32Array(world.colors.length)
  for (const p of pixels) votes[paintAt(p)]!++
  const body = votes.indexOf(Math.max(...votes))
  const other = new Uint8Array(width * height)
  const inner = (p: number): boolean =>
    Math.abs((p % width) + 0.5 - x) < blockSizes.half - 2 && Math.abs(Math.floor(p / width) + 0.5 - y) < blockSizes.half - 2
  for (const p of pixels) if (inner(p) && paintAt(p) !== body) other[p] = 1
  const marks = components(other, width)
    .filter((area) => area.length >= smallestArea[16])
    .map((area) => {
      const found = fit(areaOf(area, width), width, height, 'marks')
      const shape = found.form.kind === 'mark' && found.overlap >= leastOverlap ? found.form.shape : ('unclear' as const)
      return { color: colorOf(told, area), shape, x: found.x, y: found.y }
    })
  return { body: world.colors[body]!, x, y, marks: marks.sort((a, b) => a.x - b.x) }
}

/** The background that most pixels have. */
function mostFrequent({ data, width, height }: Picture, canvases: readonly Rgb[], paints: readonly Rgb[]): number {
  const nearest = namer([...canvases, ...paints])
  const votes = new Uint32Array(canvases.length + paints.length)
  for (let p = 0; p < width * height; p++) votes[nearest(data, p)]!++
  const shares = votes.subarray(0, canvases.length)
  return shares.indexOf(Math.max(...shares))
}

/** What a picture shows, read as one of the world whose image cells are so many pixels wide. */
export function detect(picture: Picture, cell: Scene['cell']): Reading {
  const { data, width, height } = picture
  const world: World = known[cell]
  const palette = paletteOf(picture, world)
  const canvases = world.backgrounds.map((name) => under(palette, backgrounds[name]))
  const paints = world.colors.map((name) => under(palette, colors[name]))
  const background = mostFrequent(picture, canvases, paints)
  const canvas = canvases[background]!
  const nearestPaint = namer(paints)
  const mask = new Uint8Array(width * height)
  for (let p = 0; p < mask.length; p++) mask[p] = Number(squared(data, p, canvas) > squared(data, p, paints[nearestPaint(data, p)]!))
  const told: Told = { picture, world, cell, paintAt: (p) => nearestPaint(data, p), mask }
  const words = cell === 16 ? takeWords(told) : []
  const found = { things: [] as FoundThing[], figures: [] as Reading['figures'][0][], blocks: [] as FoundBlock[] }
  for (const pixels of components(mask, width)) if (pixels.length >= smallestArea[cell]) readArea(told, pixels, found)
  return { palette, background: world.backgrounds[background]!, words, ...found }
}

function readArea(
  told: Told,
  pixels: readonly number[],
  found: { things: FoundThing[]; figures: Reading['figures'][0][]; blocks: FoundBlock[] },
): void {
  const { picture, cell } = told
  const { width, height } = picture
  const area = areaOf(pixels, width)
  if (
    cell === 16 &&
    area.box.right - area.box.left >= 2 * blockSizes.half - 4 &&
    area.box.bottom - area.box.top >= 2 * blockSizes.half - 4
  ) {
    const whole = closed(area, width)
    const square = fit(areaOf(whole, width), width, height, cell)
    if (square.form.kind === 'block' && square.overlap >= 0.9) return void found.blocks.push(readBlock(told, whole, square))
  }
  const best = fit(area, width, height, cell)
  const color = colorOf(told, pixels)
  const { form, x, y } = best
  const clear = best.overlap >= leastOverlap
  if (form.kind === 'figure' && clear) found.figures.push({ ...form.pose, color, x, y })
  else if (form.kind === 'thing')
    found.things.push({ color, shape: clear ? form.shape : 'unclear', fill: form.fill, size: form.size, x, y })
  else found.things.push({ color, shape: 'unclear', fill: 'solid', size: 'small', x, y })
}
