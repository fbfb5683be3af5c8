// Scenes and captions of the first miniature's world, mixed as in its training data: one to four things of six colours and shapes on
// three backgrounds. What comes from here is held out: of scenes with one thing an eleventh is kept from training
// (tools/miniature/world/sample.py), and those with several hardly ever come twice.
import { pick } from '../world/random.js'
import type { Random } from '../world/random.js'
import { alike, known, numbers, relationOf, sizes, toScene, where } from '../world/scene.js'
import type { Background, Look, Place, Relation, Scene, Shape, Size, Thing, World } from '../world/scene.js'

/** What it knows. */
export const world: World = known[8]
const side = 64

export interface SceneOptions {
  /** How many things. Default: 25 % one, 41 % two, 19 % three, 15 % four. */
  readonly count?: number
  /** Whether all things are alike. Default: 35 % of scenes with several. */
  readonly same?: boolean
  /** Default: 50 % white, 25 % gray, 25 % black. */
  readonly background?: Background
  /** Default: each small or large, small where there are more than two. */
  readonly sizes?: readonly Size[]
}

function mixedCount(random: Random): number {
  const share = random()
  return share < 0.25 ? 1 : share < 0.66 ? 2 : share < 0.85 ? 3 : 4
}

function look(random: Random): Look {
  return { color: pick(random, world.colors), shape: pick(random, world.shapes), fill: 'solid' }
}

type Spot = Place & { readonly size: Size }
const radius = (size: Size): number => sizes[8][size].radius

/** A centre on the lattice of cells from which a thing of this size stays inside. */
export function spot(random: Random, size: Size): Spot {
  const edge = Math.ceil(radius(size) / 8)
  const at = (): number => (edge + Math.floor(random() * (8 - 2 * edge + 1))) * 8
  return { x: at(), y: at(), size }
}

/** Whether two things of any shape leave a gap. */
export function apart(a: Spot, b: Spot): boolean {
  const [dx, dy] = [Math.abs(a.x - b.x), Math.abs(a.y - b.y)]
  const both = radius(a.size) + radius(b.size)
  return Math.hypot(dx, dy) > both + 1.5 && Math.max(dx, dy) > 0.9 * both
}

/** Centres that leave gaps; tried until it succeeds. */
function place(random: Random, wanted: readonly Size[]): Spot[] {
  for (;;) {
    const spots: Spot[] = []
    for (const size of wanted) {
      const at = spot(random, size)
      if (spots.every((other) => apart(at, other))) spots.push(at)
    }
    if (spots.length === wanted.length) return spots
  }
}

export function sceneOf(background: Background, objects: readonly Thing[]): Scene {
  return toScene({ width: side, height: side, cell: 8, background, objects })
}

/** A scene that the miniature has not been trained on. */
export function sampleScene(random: Random, options: SceneOptions = {}): Scene {
  const count = options.count ?? mixedCount(random)
  const background = options.background ?? pick(random, ['white', 'white', 'gray', 'black'] as const)
  const same = count > 1 && (options.same ?? random() < 0.35)
  const size = (): Size => (count < 3 && !same ? pick(random, ['small', 'large'] as const) : 'small')
  const objects: Thing[] = []
  for (const at of place(random, options.sizes ?? Array.from({ length: count }, size))) {
    let found = same && objects[0] ? pickLook(objects[0]) : look(random)
    while (!same && objects.some((other) => alike(other, found))) found = look(random)
    objects.push({ ...found, ...at })
  }
  const scene = sceneOf(background, objects)
  return count > 1 || heldOut(scene) ? scene : sampleScene(random, options)
}

/** Of a scene with one thing: whether training leaves it out. */
export function heldOut({ background, objects: [thing] }: Scene): boolean {
  const { color, shape, x, y } = thing!
  const place = x / 8 + (2 * y) / 8
  const [c, s, b] = [world.colors.indexOf(color), world.shapes.indexOf(shape), world.backgrounds.indexOf(background)]
  return (place + 3 * c + 5 * s + 7 * b) % 11 === 0
}

const pickLook = ({ color, shape, fill }: Look): Look => ({ color, shape, fill })

export const article = (words: string): string => (/^[aeiou]/.test(words) ? 'an ' : 'a ') + words
export const plural = (shape: Shape): string => shape + (shape === 'cross' ? 'es' : 's')
export const noun = ({ color, shape }: Pick<Look, 'color' | 'shape'>): string => `${color} ${shape}`
export const sized = (thing: Thing): string => `${thing.size} ${noun(thing)}`
export const relation = (a: Thing, b: Thing): Relation | undefined => relationOf([a], [b])

/** All orders of a few items. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) => orders([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]))
}

const listed = (names: readonly string[]): string => `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`
const either = (thing: Thing): string[] => [article(noun(thing)), article(sized(thing))]

function wordings({ objects, width, height }: Scene): string[] {
  const [a, b] = objects as readonly [Thing, Thing | undefined]
  if (!b) return either(a).flatMap((words) => [words, `${words} ${where(a, { width, height })}`])
  if (objects.every((thing) => alike(thing, a))) return [`${numbers[objects.length]!} ${a.color} ${plural(a.shape)}`]
  if (objects.length > 2) return orders(objects.map((thing) => article(noun(thing)))).map(listed)
  return orders([a, b]).flatMap((pair) => {
    const [one, two] = pair as [Thing, Thing]
    const related = relation(one, two)
    const both = either(one).flatMap((words) => either(two).map((others) => `${words} and ${others}`))
    return related ? [`${article(noun(one))} ${related} ${article(noun(two))}`, ...both] : both
  })
}

/** Every caption that is true of the scene in the words of this world. */
export function captions(scene: Scene): string[] {
  return [...new Set(wordings(scene).flatMap((words) => [words, `${words} on a ${scene.background} background`]))]
}

/** The plainest complete caption: colours, shapes, count, and the background unless it is white. */
export function caption(scene: Scene): string {
  const { objects, background } = scene
  const [a] = objects as readonly [Thing]
  const alone = objects.length === 1 || objects.every((thing) => alike(thing, a))
  const words = alone ? wordings(scene)[0]! : listed(objects.map((thing) => article(noun(thing))))
  return background === 'white' ? words : `${words} on a ${background} background`
}

/** Another one of the list. */
export function other<T>(random: Random, list: readonly T[], not: T): T {
  return pick(
    random,
    list.filter((item) => item !== not),
  )
}
export const otherBackground = (random: Random, not: Background): Background => other(random, world.backgrounds, not)
