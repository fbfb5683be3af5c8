// The miniature's world: flat shapes on a plain canvas of 64 x 64 pixels, drawn from signed distances, with the captions it
// was trained on. One scene gives the picture and the prompt, so every statement about it is known to be true.
// Centres lie on a lattice of one image cell (8 pixels); radius 7 pixels (small) or 14 (large). Lengths are pixels here.

export const side = 64
export const colors = {
  red: [226, 30, 38],
  green: [30, 160, 60],
  blue: [30, 80, 230],
  yellow: [250, 214, 40],
  purple: [160, 50, 200],
  orange: [250, 140, 20],
} as const
export const backgrounds = { white: [250, 250, 250], gray: [160, 160, 160], black: [20, 20, 20] } as const
export const shapes = ['circle', 'square', 'triangle', 'star', 'cross', 'diamond'] as const
export const small = 7
export const large = 14
export const numbers = ['none', 'one', 'two', 'three', 'four'] as const
export type Color = keyof typeof colors
export type Background = keyof typeof backgrounds
export type Shape = (typeof shapes)[number]
export interface Thing {
  readonly color: Color
  readonly shape: Shape
  readonly x: number
  readonly y: number
  readonly radius: number
}
export interface Scene {
  readonly background: Background
  readonly things: readonly Thing[]
}

/** Distance to the outline in units of a canvas twice as wide (the recipe's), negative inside. x, y relative to the centre. */
function distance(shape: Shape, x: number, y: number, r: number): number {
  switch (shape) {
    case 'circle':
      return Math.hypot(x, y) - r
    case 'square':
      return Math.max(Math.abs(x), Math.abs(y)) - r * 0.86
    case 'diamond':
      return (Math.abs(x) + Math.abs(y)) * 0.7071 - r * 0.76
    case 'cross': {
      const across = Math.max(Math.abs(x) - r, Math.abs(y) - r * 0.36)
      const down = Math.max(Math.abs(x) - r * 0.36, Math.abs(y) - r)
      return Math.min(across, down)
    }
    case 'triangle':
      return Math.max(0.866 * x - 0.5 * (y + r), -0.866 * x - 0.5 * (y + r), y - r * 0.62)
    case 'star':
      return starDistance(x, y, r)
  }
}

/** Five points, one of them up: the distance to the edge between an outer and an inner corner of the sector. */
function starDistance(x: number, y: number, r: number): number {
  const sector = Math.PI / 5
  const turned = (Math.atan2(x, -y) + sector) % (2 * sector)
  const angle = Math.abs((turned < 0 ? turned + 2 * sector : turned) - sector)
  const rho = Math.hypot(x, y)
  const outer = r * 1.12
  const inner = [0.47 * r * Math.cos(sector), 0.47 * r * Math.sin(sector)] as const
  const edge = [inner[0] - outer, inner[1]] as const
  const cross = (rho * Math.cos(angle) - outer) * -edge[1] + rho * Math.sin(angle) * edge[0]
  return cross / -Math.hypot(edge[0], edge[1])
}

/** Pixels from the middle of the pixel (column, row) to the thing's outline, negative inside. */
export function outline(thing: Pick<Thing, 'shape' | 'x' | 'y' | 'radius'>, column: number, row: number): number {
  return distance(thing.shape, (column + 0.5 - thing.x) * 2, (row + 0.5 - thing.y) * 2, thing.radius * 2) / 2
}

/** Share of the pixel (column, row) that the thing covers, 0..1. */
export function coverage(thing: Pick<Thing, 'shape' | 'x' | 'y' | 'radius'>, column: number, row: number): number {
  return Math.min(1, Math.max(0, 0.5 - outline(thing, column, row)))
}

/** The pixels, as row * side + column, that a thing and its rim can touch. */
export function around({ x, y, radius }: Pick<Thing, 'x' | 'y' | 'radius'>): number[] {
  const reach = Math.ceil(radius * 1.12) + 2 // a star's points lie outside its radius
  const span = (at: number): number[] => {
    const from = Math.max(0, Math.floor(at) - reach)
    return Array.from({ length: Math.max(0, Math.min(side, Math.ceil(at) + reach) - from) }, (_, i) => from + i)
  }
  return span(y).flatMap((row) => span(x).map((column) => row * side + column))
}

/** RGB bytes of the scene. */
export function draw(scene: Scene): Uint8Array {
  const canvas = new Float64Array(side * side * 3)
  for (let i = 0; i < canvas.length; i++) canvas[i] = backgrounds[scene.background][i % 3]!
  for (const thing of scene.things)
    for (const p of around(thing)) {
      const share = coverage(thing, p % side, Math.floor(p / side))
      for (let c = 0; c < 3; c++) canvas[p * 3 + c] = canvas[p * 3 + c]! * (1 - share) + colors[thing.color][c]! * share
    }
  return Uint8Array.from(canvas, Math.round)
}

export type Random = () => number
/** A small seeded generator (mulberry32), so that every run judges the same prompts. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!
}

export type Kind = 'one' | 'background' | 'two' | 'counting' | 'position'
export interface Prompt {
  readonly kind: Kind
  readonly text: string
  readonly scene: Scene
}
export const article = (words: string): string => (/^[aeiou]/.test(words) ? 'an ' : 'a ') + words
export const plural = (shape: Shape): string => shape + (shape === 'cross' ? 'es' : 's')
export const noun = (thing: Thing): string => `${thing.color} ${thing.shape}`

/** A centre on the lattice from which a shape of this radius stays inside. */
export function spot(random: Random, radius: number): { x: number; y: number } {
  const edge = Math.ceil(radius / 8)
  const at = (): number => (edge + Math.floor(random() * (8 - 2 * edge + 1))) * 8
  return { x: at(), y: at() }
}

type Round = Pick<Thing, 'x' | 'y' | 'radius'>
/** Whether two shapes of any kind leave a gap. */
export function apart(a: Round, b: Round): boolean {
  const dx = Math.abs(a.x - b.x)
  const dy = Math.abs(a.y - b.y)
  const both = a.radius + b.radius
  return Math.hypot(dx, dy) > both + 1.5 && Math.max(dx, dy) > 0.9 * both
}

/** Centres for shapes of these radii that leave gaps; tried until it succeeds. */
export function place(random: Random, radii: readonly number[]): Round[] {
  for (;;) {
    const spots: Round[] = []
    for (const radius of radii) {
      const at = { ...spot(random, radius), radius }
      if (spots.every((other) => apart(at, other))) spots.push(at)
    }
    if (spots.length === radii.length) return spots
  }
}

/** A scene of one kind with the caption that asks for it. */
export function samplePrompt(random: Random, kind: Kind): Prompt {
  const background = kind === 'background' ? pick(random, ['gray', 'black'] as const) : 'white'
  const count = kind === 'one' || kind === 'background' ? 1 : kind === 'counting' ? 2 + Math.floor(random() * 3) : 2
  const radius = count > 2 ? small : pick(random, [small, large])
  const spots = place(
    random,
    Array.from({ length: count }, () => radius),
  )
  const names = Object.keys(colors) as Color[]
  const things: Thing[] = []
  for (const at of spots) {
    const first = things[0]
    let color = pick(random, names)
    let shape: Shape = pick(random, shapes)
    if (kind === 'counting' && first) ({ color, shape } = first)
    while (kind !== 'counting' && first && first.color === color && first.shape === shape) color = pick(random, names)
    things.push({ color, shape, ...at })
  }
  const scene = { background, things } as const
  const [a, b] = things as [Thing, Thing]
  switch (kind) {
    case 'one':
      return { kind, text: article(noun(a)), scene }
    case 'background':
      return { kind, text: `${article(noun(a))} on a ${background} background`, scene }
    case 'two':
      return { kind, text: `${article(noun(a))} and ${article(noun(b))}`, scene }
    case 'counting':
      return { kind, text: `${numbers[count]!} ${a.color} ${plural(a.shape)}`, scene }
    case 'position':
      return { kind, text: `${article(noun(a))} ${relation(a, b)} ${article(noun(b))}`, scene }
  }
}

/** The clearer of the two axes decides. */
export function relation(a: { x: number; y: number }, b: { x: number; y: number }): string {
  const dx = a.x - b.x
  const dy = a.y - b.y
  if (Math.abs(dx) >= Math.abs(dy)) return dx < 0 ? 'to the left of' : 'to the right of'
  return dy < 0 ? 'above' : 'below'
}
