// Pictures of which a part is to be drawn: a hole around one thing (inpaint), a missing side (outpaint), a thing to be redrawn as
// another one (retouch). The prompt describes the whole scene that should be there in the end.
import { draw, pick, side } from './scene.js'
import type { Random, Scene, Thing } from './scene.js'
import { alike, caption, otherColor, otherShape, sampleScene } from './sample.js'
import { withThing } from './edits.js'

export interface Picture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3
}
export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}
export interface Fill {
  readonly prompt: string
  /** What should be there in the end. */
  readonly scene: Scene
  readonly picture: Picture
}

export function picture(scene: Scene): Picture {
  return { data: draw(scene), width: side, height: side, channels: 3 }
}

/** The cells that a thing touches, as pixels. */
function cellsOf({ x, y, radius }: Thing): Rectangle {
  const reach = Math.ceil(radius / 8) * 8
  return { left: x - reach, top: y - reach, width: 2 * reach, height: 2 * reach }
}

/** Two things, one of them under the hole. The picture shows both: what is under the hole must come from the prompt. */
export function sampleHole(random: Random): Fill & { readonly region: Rectangle } {
  const scene = sampleScene(random, { count: 2, same: false })
  return { prompt: caption(scene), scene, picture: picture(scene), region: cellsOf(scene.things[0]!) }
}

/** One or two things; the region of one is to show it in another colour or shape. */
export function sampleRetouch(random: Random): Fill & { readonly region: Rectangle } {
  const before = sampleScene(random, { count: 1 + Math.floor(random() * 2), same: false })
  const thing = before.things[0]!
  const changed =
    random() < 0.5 ? { ...thing, color: otherColor(random, thing.color) } : { ...thing, shape: otherShape(random, thing.shape) }
  if (before.things.some((other) => alike(other, changed))) return sampleRetouch(random)
  const scene = withThing(before, thing, changed)
  return { prompt: caption(scene), scene, picture: picture(before), region: cellsOf(thing) }
}

export const sides = ['left', 'right', 'top', 'bottom'] as const
type Side = (typeof sides)[number]

/** Two things with a straight line between them, at a multiple of 16 pixels as pictures' sides are; only the first one's part is given. */
export function sampleSide(random: Random): Fill & { readonly extend: Partial<Record<Side, number>> } {
  for (;;) {
    const scene = sampleScene(random, { count: 2, same: false })
    const [kept, missing] = scene.things.map(cellsOf) as [Rectangle, Rectangle]
    const to = pick(random, sides)
    const [start, length] = to === 'left' || to === 'right' ? (['left', 'width'] as const) : (['top', 'height'] as const)
    const [first, second] = to === 'right' || to === 'bottom' ? [kept, missing] : [missing, kept]
    const border = Math.ceil((first[start] + first[length]) / 16) * 16
    if (border > second[start]) continue
    const given = first === kept ? border : side - border
    return { prompt: caption(scene), scene, picture: part(picture(scene), to, given), extend: { [to]: side - given } }
  }
}

/** The picture without what lies on one side: `length` pixels stay. */
export function part(whole: Picture, missing: Side, length: number): Picture {
  const across = missing === 'left' || missing === 'right'
  const [width, height] = across ? [length, whole.height] : [whole.width, length]
  const left = missing === 'left' ? whole.width - length : 0
  const top = missing === 'top' ? whole.height - length : 0
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * whole.width + left) * 3
    data.set(whole.data.subarray(from, from + width * 3), y * width * 3)
  }
  return { data, width, height, channels: 3 }
}
