// What pixels say by themselves: whether those that should not change are as they were, and how far painted areas agree.
import type { Case, Rectangle } from './cases.js'
import { looksLike } from './judge-scene.js'
import type { Reading } from './world/detect.js'
import type { Picture } from './world/draw.js'
import { advance, lineHeight } from './world/font.js'
import { sizes } from './world/scene.js'
import type { Place, Scene, Thing } from './world/scene.js'

/** Of a channel: more than the image tokenizer blurs an outline by half a pixel, less than from one colour to another. */
const sameWithin = 56

function sameColor(a: Uint8Array, i: number, b: Uint8Array, j: number): boolean {
  for (let c = 0; c < 3; c++) if (Math.abs(a[i + c]! - b[j + c]!) > sameWithin) return false
  return true
}

/** The cells that a thing can touch. */
function blockOf({ x, y }: Place, { size }: Pick<Thing, 'size'>, cell: Scene['cell']): Rectangle {
  const { half } = sizes[cell][size]
  return { left: x - half, top: y - half, width: 2 * half, height: 2 * half }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The things of one scene that another does not have. */
const onlyIn = (a: Scene, b: Scene): Thing[] => a.objects.filter((thing) => !b.objects.some((seen) => same(thing, seen)))

/** What an `add` adds: its instruction says only about where. */
export function addedThings({ task, kind, image, scene }: Case): readonly Thing[] {
  return task === 'edit' && kind === 'add' && image ? onlyIn(scene, image) : []
}

/** Where a picture may differ from the given one: around what the two scenes do not share, or in the region; undefined: anywhere. */
export function mayChange(one: Case, reading: Reading): readonly Rectangle[] | undefined {
  const { task, region, image, scene } = one
  if (!image || image.width !== scene.width || image.height !== scene.height) return undefined
  if (region) return [region]
  if (task !== 'edit' || image.background !== scene.background || image.palette !== scene.palette) return undefined
  const around = (things: readonly Thing[]): Rectangle[] => things.map((thing) => blockOf(thing, thing, scene.cell))
  const wherever = addedThings(one).flatMap((thing) =>
    reading.things.filter((seen) => looksLike(thing, seen)).map((seen) => blockOf(seen, thing, scene.cell)),
  )
  const word = ({ word: found }: Scene): Rectangle[] =>
    found && !same(image.word, scene.word) ? [{ left: found.x, top: found.y, width: found.text.length * advance, height: lineHeight }] : []
  const now = wherever.length > 0 ? wherever : around(onlyIn(scene, image))
  return [...around(onlyIn(image, scene)), ...now, ...word(image), ...word(scene)]
}

const contains = ({ left, top, width, height }: Rectangle, x: number, y: number): boolean =>
  x >= left && x < left + width && y >= top && y < top + height

/** Share of the pixels outside these places that are still as in the given picture. */
export function untouched({ data, width, height }: Picture, before: Picture, places: readonly Rectangle[]): number {
  let kept = 0
  let counted = 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (places.some((place) => contains(place, x, y))) continue
      const p = (y * width + x) * 3
      counted++
      if (sameColor(data, p, before.data, p)) kept++
    }
  return counted === 0 ? 1 : kept / counted
}

/** Of the pixels that are no background in the drawn or the made picture, the share that has the drawn colour in both. */
export function paintedOverlap(drawn: Picture, picture: Picture): number {
  const canvas = drawn.data.subarray(0, 3) // no thing reaches the corner
  let both = 0
  let any = 0
  for (let i = 0; i < drawn.data.length; i += 3) {
    const [one, two] = [!sameColor(drawn.data, i, canvas, 0), !sameColor(picture.data, i, canvas, 0)]
    if (one || two) any++
    if (one && two && sameColor(drawn.data, i, picture.data, i)) both++
  }
  return any === 0 ? 1 : both / any
}
