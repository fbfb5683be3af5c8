// What an answer is worth, from its pixels or its text alone. Every mark is 0 to 1; `right` is what counts. A picture made from a given
// one is right only if, besides, nothing else changed.
import type { Case, Group, Rectangle } from './cases.js'
import { detect } from './world/detect.js'
import type { FoundThing, Reading } from './world/detect.js'
import { draw } from './world/draw.js'
import type { Picture } from './world/draw.js'
import { advance, lineHeight } from './world/font.js'
import { drawMap, mapOverlap, rightOverlap } from './world/maps.js'
import { relationOf, sizes, where } from './world/scene.js'
import type { Place, Scene, Thing } from './world/scene.js'

export type Marks = Readonly<Record<string, number>> & { readonly right: number }
export interface Answer {
  readonly picture?: Picture
  readonly text?: string
}

/** Of the pixels that should not change, at least this share must be as they were. */
export const leastUntouched = 0.97
const sameWithin = 56 // of a channel: more than the image tokenizer blurs an outline by half a pixel, less than from one colour to another

const near = (a: Place, b: Place, within: number): boolean => Math.abs(a.x - b.x) <= within && Math.abs(a.y - b.y) <= within

/** Takes for each wanted thing one that matches out of the found ones; undefined where one is missing. */
function match<W, F>(wanted: readonly W[], found: readonly F[], fits: (want: W, seen: F) => boolean): F[] | undefined {
  const left = [...found]
  const taken: F[] = []
  for (const want of wanted) {
    const at = left.findIndex((seen) => fits(want, seen))
    if (at < 0) return undefined
    taken.push(...left.splice(at, 1))
  }
  return taken
}

function looksLike(thing: Pick<Thing, 'shape' | 'color' | 'fill'>, seen: FoundThing): boolean {
  return seen.shape === thing.shape && seen.color === thing.color && seen.fill === thing.fill
}

/** How many of everything there should be. */
function nothingElse(reading: Reading, things: number, words: number, figures: number, blocks: number): boolean {
  const { length } = reading.things
  return length === things && reading.words.length === words && reading.figures.length === figures && reading.blocks.length === blocks
}

/** Background, every look and count as asked and nothing else; then also sizes, places and the relation that the prompt names. */
function judgeAsked({ ask, scene }: Case, reading: Reading): { things: boolean; right: boolean } {
  if (!ask) throw new Error(`${scene.width} x ${scene.height}: a case that is judged by what it asks must have 'ask'`)
  const { groups, word, figure, relation } = ask
  const total = groups.reduce((sum, { count }) => sum + count, 0)
  const members = groups.map((group) => reading.things.filter((seen) => looksLike(group, seen)))
  const things =
    reading.background === ask.background &&
    reading.palette === ask.palette &&
    nothingElse(reading, total, word ? 1 : 0, figure ? 1 : 0, 0) &&
    groups.every(({ count }, i) => members[i]!.length === count) &&
    (!word || (reading.words[0]!.text === word.text && reading.words[0]!.color === word.color)) &&
    (!figure || sameFigure(figure, reading.figures[0]!))
  const fine = ({ size, where: place }: Group, i: number): boolean =>
    members[i]!.every((seen) => (!size || seen.size === size) && (!place || where(seen, scene) === place))
  const related = (): boolean => !relation || relationOf(members[0]!, members[1]!) === relation
  return { things, right: things && groups.every(fine) && related() }
}

type Posed = Omit<Reading['figures'][0], 'x' | 'y'>
const sameFigure = (a: Posed, b: Posed): boolean =>
  a.color === b.color && a.left === b.left && a.right === b.right && a.legs === b.legs

/** The scene's things, word, figure and block, each within half a cell of its place, and nothing else. `free`: only its look and words are. */
function judgePlaced(scene: Scene, reading: Reading, free: readonly Thing[] = []): { things: boolean; right: boolean } {
  const { objects, word, figure, block } = scene
  const within = scene.cell / 2
  const count = (one: unknown): number => (one ? 1 : 0)
  const whole =
    reading.background === scene.background &&
    reading.palette === scene.palette &&
    nothingElse(reading, objects.length, count(word), count(figure), count(block))
  const things = whole && match(objects, reading.things, looksLike) !== undefined
  const at = (thing: Thing, seen: FoundThing): boolean =>
    looksLike(thing, seen) && seen.size === thing.size && (free.includes(thing) ? where(seen, scene) === where(thing, scene) : near(thing, seen, within))
  const right =
    whole &&
    match(objects, reading.things, at) !== undefined &&
    (!word || (reading.words[0]!.text === word.text && reading.words[0]!.color === word.color && near(word, reading.words[0]!, within))) &&
    (!figure || (sameFigure(figure, reading.figures[0]!) && near(figure, reading.figures[0]!, within))) &&
    (!block || sameBlock(block, reading.blocks[0]!, within))
  return { things, right }
}

function sameBlock({ body, left, right, view, ...at }: NonNullable<Scene['block']>, seen: Reading['blocks'][0], within: number): boolean {
  const marks = { front: [left, right], back: [right, left], left: [left], right: [right] }[view]
  const same = marks.every((mark, i) => seen.marks[i]?.shape === mark.shape && seen.marks[i]?.color === mark.color)
  return seen.body === body && same && seen.marks.length === marks.length && near(at, seen, within)
}

const containsPixel = ({ left, top, width, height }: Rectangle, x: number, y: number): boolean =>
  x >= left && x < left + width && y >= top && y < top + height

/** The cells that a thing can touch. */
function blockOf({ x, y, size }: Thing, cell: Scene['cell']): Rectangle {
  const reach = cell === 8 ? Math.ceil(sizes[8][size].radius / 8) * 8 : size === 'small' ? 24 : 40
  return { left: x - reach, top: y - reach, width: 2 * reach, height: 2 * reach }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The things of one scene that another does not have. */
const onlyIn = (a: Scene, b: Scene): Thing[] => a.objects.filter((thing) => !b.objects.some((seen) => same(thing, seen)))

/** What an `add` adds: the instruction says only about where. */
const added = ({ task, kind, image, scene }: Case): readonly Thing[] => (task === 'edit' && kind === 'add' && image ? onlyIn(scene, image) : [])

/** Where a picture may differ from the given one: around what the two scenes do not share, or in the region; undefined: anywhere. */
function mayChange(one: Case, reading: Reading): readonly Rectangle[] | undefined {
  const { task, region, image, scene } = one
  if (!image || image.width !== scene.width || image.height !== scene.height) return undefined
  if (region) return [region]
  if (task !== 'edit' || image.background !== scene.background || image.palette !== scene.palette) return undefined
  const around = (things: readonly Thing[]): Rectangle[] => things.map((thing) => blockOf(thing, scene.cell))
  const wherever = added(one).flatMap((thing) => reading.things.filter((seen) => looksLike(thing, seen)).map((seen) => ({ ...thing, x: seen.x, y: seen.y })))
  const word = ({ word: found }: Scene): Rectangle[] =>
    found && !same(image.word, scene.word) ? [{ left: found.x, top: found.y, width: found.text.length * advance, height: lineHeight }] : []
  return [...around(onlyIn(image, scene)), ...around(wherever.length > 0 ? wherever : onlyIn(scene, image)), ...word(image), ...word(scene)]
}

/** Share of the pixels outside these places that are still as in the given picture. */
function untouched(picture: Picture, before: Picture, places: readonly Rectangle[]): number {
  const { data, width, height } = picture
  let kept = 0
  let counted = 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (places.some((place) => containsPixel(place, x, y))) continue
      counted++
      const p = (y * width + x) * 3
      kept += Number([0, 1, 2].every((c) => Math.abs(data[p + c]! - before.data[p + c]!) <= sameWithin))
    }
  return counted === 0 ? 1 : kept / counted
}

/** Of the pixels that are no background in the drawn or the made picture, the share that has the drawn colour in both. */
function paintedOverlap(drawn: Picture, picture: Picture): number {
  if (drawn.width !== picture.width || drawn.height !== picture.height) return 0
  const canvas = drawn.data.subarray(0, 3) // things never reach the corner
  const close = (a: Uint8Array, i: number, b: Uint8Array, j: number): boolean => [0, 1, 2].every((c) => Math.abs(a[i + c]! - b[j + c]!) <= sameWithin)
  let both = 0
  let any = 0
  for (let i = 0; i < drawn.data.length; i += 3) {
    const [one, two] = [!close(drawn.data, i, canvas, 0), !close(picture.data, i, canvas, 0)]
    if (one || two) any++
    if (one && two && close(drawn.data, i, picture.data, i)) both++
  }
  return any === 0 ? 1 : both / any
}

function judgePicture(one: Case, picture: Picture): Marks {
  const { scene, image, judge, task } = one
  const reading = detect(picture, scene.cell)
  const { things, right } = judge === 'asked' ? judgeAsked(one, reading) : judgePlaced(scene, reading, added(one))
  const places = mayChange(one, reading)
  const kept = places && image && untouched(picture, draw(image), places)
  return {
    right: Number(right && (kept === undefined || kept >= leastUntouched)),
    things: Number(things),
    ...(judge === 'placed' && { placed: Number(right) }),
    ...(kept !== undefined && { untouched: kept }),
    ...(task === 'control' && { overlap: paintedOverlap(draw(scene), picture) }),
  }
}

/** Also takes another case's answer: what chance alone would give. */
export function marksOf(one: Case, { picture, text }: Answer): Marks {
  if (one.judge === 'answer') return { right: Number((one.answers ?? []).includes((text ?? '').trim())) }
  if (!picture) throw new Error(`${one.id}: expected a picture, got none`)
  if (picture.width !== one.scene.width || picture.height !== one.scene.height) return { right: 0, things: 0 }
  if (one.judge !== 'map') return judgePicture(one, picture)
  if (!one.map) throw new Error(`${one.id}: a case that is judged by its map must name one`)
  const overlap = mapOverlap(one.map, drawMap(one.map, one.scene), picture)
  return { right: Number(overlap >= rightOverlap), overlap }
}

/** The answer that is right, drawn by code or told: what the judge itself is judged by. */
export function truth(one: Case): Answer {
  if (one.judge === 'answer') return { text: one.answers?.[0] ?? '' }
  return { picture: one.judge === 'map' ? drawMap(one.map!, one.scene) : draw(one.scene) }
}
