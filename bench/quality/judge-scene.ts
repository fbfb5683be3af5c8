// Compares what a picture shows (detect.ts) with what was asked for, or with the scene that it should show.
import type { Case, Group } from './cases.js'
import type { FoundThing, Reading } from './world/detect.js'
import { relationOf, where } from './world/scene.js'
import type { Look, Place, Scene, Thing } from './world/scene.js'

export interface Verdict {
  /** Background and palette, and everything that there should be by its look: no more and no fewer. */
  readonly things: boolean
  /** That, and sizes, places and relations too. */
  readonly right: boolean
}

export function looksLike(look: Look, seen: FoundThing): boolean {
  return seen.shape === look.shape && seen.color === look.color && seen.fill === look.fill
}

interface Counts {
  readonly things: number
  readonly words: number
  readonly figures: number
  readonly blocks: number
}

function nothingElse(reading: Reading, counts: Counts): boolean {
  return (['things', 'words', 'figures', 'blocks'] as const).every((what) => reading[what].length === counts[what])
}

type Written = { readonly text: string; readonly color: string } | null
const sameWord = (word: Written, reading: Reading): boolean =>
  !word || (reading.words[0]!.text === word.text && reading.words[0]!.color === word.color)

type Posed = Omit<Reading['figures'][0], 'x' | 'y'> | null
function samePose(figure: Posed, reading: Reading): boolean {
  const seen = reading.figures[0]
  return !figure || (['color', 'left', 'right', 'legs'] as const).every((what) => seen?.[what] === figure[what])
}

/** Every look and count that the prompt names and nothing else; sizes, places and the relation where it names them. */
export function judgeAsked({ id, ask, scene }: Case, reading: Reading): Verdict {
  if (!ask) throw new Error(`${id}: a case that is judged by what it asks for must have 'ask'`)
  const { groups, word, figure, relation, background, palette } = ask
  const total = groups.reduce((sum, { count }) => sum + count, 0)
  const members = groups.map((group) => reading.things.filter((seen) => looksLike(group, seen)))
  const things =
    reading.background === background &&
    reading.palette === palette &&
    nothingElse(reading, { things: total, words: Number(word !== null), figures: Number(figure !== null), blocks: 0 }) &&
    groups.every(({ count }, i) => members[i]!.length === count) &&
    sameWord(word, reading) &&
    samePose(figure, reading)
  const fits = ({ size, where: place }: Group, i: number): boolean =>
    members[i]!.every((seen) => (!size || seen.size === size) && (!place || where(seen, scene) === place))
  const related = (): boolean => !relation || relationOf(members[0]!, members[1]!) === relation
  return { things, right: things && groups.every(fits) && related() }
}

/** Whether each wanted thing has one of the found ones that fits, no two the same. */
function matched(wanted: readonly Thing[], found: readonly FoundThing[], fits: (want: Thing, seen: FoundThing) => boolean): boolean {
  const left = [...found]
  return wanted.every((want) => {
    const at = left.findIndex((seen) => fits(want, seen))
    if (at >= 0) left.splice(at, 1)
    return at >= 0
  })
}

/** Everything within half a cell of where the scene has it, and nothing else; of `free` things only the words for their place count. */
export function judgePlaced(scene: Scene, reading: Reading, free: readonly Thing[]): Verdict {
  const { objects, word, figure, block, background, palette, cell } = scene
  const near = (a: Place | null, b: Place | undefined): boolean =>
    !a || (b !== undefined && Math.abs(a.x - b.x) <= cell / 2 && Math.abs(a.y - b.y) <= cell / 2)
  const counts = { things: objects.length, words: Number(word !== null), figures: Number(figure !== null), blocks: Number(block !== null) }
  const things =
    reading.background === background &&
    reading.palette === palette &&
    nothingElse(reading, counts) &&
    matched(objects, reading.things, looksLike) &&
    sameWord(word, reading) &&
    samePose(figure, reading) &&
    sameBlock(block, reading)
  const fits = (thing: Thing, seen: FoundThing): boolean =>
    looksLike(thing, seen) &&
    seen.size === thing.size &&
    (free.includes(thing) ? where(seen, scene) === where(thing, scene) : near(thing, seen))
  const placed = (): boolean =>
    matched(objects, reading.things, fits) &&
    near(word, reading.words[0]) &&
    near(figure, reading.figures[0]) &&
    near(block, reading.blocks[0])
  return { things, right: things && placed() }
}

/** The body's colour, and the marks that this side of it shows. */
function sameBlock(block: Scene['block'], reading: Reading): boolean {
  if (!block) return true
  const { body, left, right, view } = block
  const marks = { front: [left, right], back: [right, left], left: [left], right: [right] }[view]
  const seen = reading.blocks[0]!
  if (seen.body !== body || seen.marks.length !== marks.length) return false
  return seen.marks.every(({ shape, color }, i) => shape === marks[i]!.shape && color === marks[i]!.color)
}
