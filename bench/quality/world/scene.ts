// One scene of the miniature's world says everything: the picture, its maps, captions and answers follow from it. Lengths are pixels; the
// middle of pixel (column, row) is at (column + 0.5, row + 0.5). Two sizes of world share this description: cells of 16 pixels, pictures
// of 128 to 256 pixels a side; and the first miniature's, cells of 8, pictures of 64 x 64 (solid fill and plain palette only).

export type Rgb = readonly [number, number, number]
export const colors = {
  red: [226, 30, 38],
  green: [30, 160, 60],
  blue: [30, 80, 230],
  yellow: [250, 214, 40],
  purple: [160, 50, 200],
  orange: [250, 140, 20],
  pink: [255, 130, 180],
  brown: [120, 70, 30],
  cyan: [40, 200, 220],
  black: [20, 20, 20],
} as const
export const backgrounds = {
  white: [250, 250, 250],
  gray: [160, 160, 160],
  black: [20, 20, 20],
  beige: [235, 220, 180],
  mint: [190, 235, 205],
  navy: [25, 35, 95],
} as const
export const shapes = ['circle', 'square', 'triangle', 'star', 'cross', 'diamond', 'heart', 'moon', 'arrow', 'oval'] as const
export const fills = ['solid', 'outline', 'stripes', 'dots'] as const
/** A style: what happens to every channel (0 red, 1 green, 2 blue) of the finished picture. */
export const palettes = {
  plain: (value: number) => value,
  pastel: (value: number) => (value + 255) / 2,
  dusk: (value: number, channel: number) => value * [0.55, 0.5, 0.75][channel]!,
  negative: (value: number) => 255 - value,
} as const
export const numbers = ['none', 'one', 'two', 'three', 'four', 'five'] as const

export type Color = keyof typeof colors
export type Background = keyof typeof backgrounds
export type Shape = (typeof shapes)[number]
export type Fill = (typeof fills)[number]
export type Palette = keyof typeof palettes
export type Size = 'small' | 'large'

export interface Place {
  readonly x: number
  readonly y: number
}
export interface Look {
  readonly shape: Shape
  readonly color: Color
  readonly fill: Fill
}
export interface Thing extends Look, Place {
  readonly size: Size
}
/** `x`, `y`: the left top of the first letter. */
export interface Word extends Place {
  readonly text: string
  readonly color: Color
}
export interface Figure extends Place {
  readonly color: Color
  readonly left: Arm
  readonly right: Arm
  readonly legs: Legs
}
export type Arm = 'up' | 'out' | 'down'
export type Legs = 'together' | 'apart'
export type Mark = Pick<Look, 'shape' | 'color'>
/** A body with a mark on each half; seen from the side it shows one of them. */
export interface Block extends Place {
  readonly body: Color
  readonly left: Mark
  readonly right: Mark
  readonly view: 'front' | 'left' | 'right' | 'back'
}
export interface Scene {
  readonly width: number
  readonly height: number
  readonly cell: 8 | 16
  readonly background: Background
  readonly palette: Palette
  readonly objects: readonly Thing[]
  readonly word: Word | null
  readonly figure: Figure | null
  readonly block: Block | null
}

/** What files leave out of a scene is plain. */
export type SceneJson = Partial<Omit<Scene, 'objects'>> & {
  readonly width: number
  readonly height: number
  readonly objects?: readonly (Omit<Thing, 'fill'> & { readonly fill?: Fill })[]
}

export function toScene(json: SceneJson): Scene {
  const { objects = [], ...rest } = json
  const things = objects.map((thing) => ({ ...thing, fill: thing.fill ?? 'solid' }))
  return { cell: 16, background: 'white', palette: 'plain', word: null, figure: null, block: null, ...rest, objects: things }
}

/** What a world knows, by the pixels of its image cells; the first miniature's knows less. What a world lacks is never read into its pictures. */
export const known = {
  8: {
    palettes: ['plain'],
    backgrounds: ['white', 'gray', 'black'],
    colors: ['red', 'green', 'blue', 'yellow', 'purple', 'orange'],
    shapes: ['circle', 'square', 'triangle', 'star', 'cross', 'diamond'],
    fills: ['solid'],
  },
  16: {
    palettes: Object.keys(palettes) as Palette[],
    backgrounds: Object.keys(backgrounds) as Background[],
    colors: Object.keys(colors) as Color[],
    shapes,
    fills,
  },
} as const satisfies Readonly<Record<Scene['cell'], World>>
export interface World {
  readonly palettes: readonly Palette[]
  readonly backgrounds: readonly Background[]
  readonly colors: readonly Color[]
  readonly shapes: readonly Shape[]
  readonly fills: readonly Fill[]
}

/** Radius of a thing, and half the side of the block of cells that it stays inside. */
export const sizes = {
  8: { small: { radius: 7, half: 8 }, large: { radius: 14, half: 16 } },
  16: { small: { radius: 21, half: 24 }, large: { radius: 35, half: 40 } },
} as const

export function alike(a: Look, b: Look): boolean {
  return a.color === b.color && a.shape === b.shape && a.fill === b.fill
}

/** Where something is, in the captions' words. */
export function where({ x, y }: Place, { width, height }: Pick<Scene, 'width' | 'height'>): string {
  const part = (at: number, side: number, low: string, high: string): string => (at < side * 0.36 ? low : at > side * 0.64 ? high : '')
  const [down, across] = [part(y, height, 'top', 'bottom'), part(x, width, 'left', 'right')]
  if (down && across) return `in the ${down} ${across}`
  if (down) return `at the ${down}`
  return across ? `on the ${across}` : 'in the center'
}

export const relations = ['to the left of', 'to the right of', 'above', 'below'] as const
export type Relation = (typeof relations)[number]

function middle(places: readonly Place[]): Place {
  const sum = places.reduce((a, b) => ({ x: a.x + b.x, y: a.y + b.y }))
  return { x: sum.x / places.length, y: sum.y / places.length }
}

/** How one group lies to another: one axis clearly the larger between their middles, and every pair on that side; or undefined. */
export function relationOf(a: readonly Place[], b: readonly Place[]): Relation | undefined {
  const [one, two] = [middle(a), middle(b)]
  const [dx, dy] = [one.x - two.x, one.y - two.y]
  const every = (holds: (p: Place, q: Place) => boolean): boolean => a.every((p) => b.every((q) => holds(p, q)))
  if (Math.abs(dx) > 1.3 * Math.abs(dy)) {
    if (dx < 0) return every((p, q) => p.x < q.x) ? 'to the left of' : undefined
    return every((p, q) => p.x > q.x) ? 'to the right of' : undefined
  }
  if (Math.abs(dy) > 1.3 * Math.abs(dx)) {
    if (dy < 0) return every((p, q) => p.y < q.y) ? 'above' : undefined
    return every((p, q) => p.y > q.y) ? 'below' : undefined
  }
  return undefined
}
