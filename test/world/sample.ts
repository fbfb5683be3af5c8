// Scenes and captions as the training data mixes them: one to four things, sizes, backgrounds, equal things, every wording.
// Scenes of one object that were trained on are left out, so that what comes from here is held out.
import { article, backgrounds, colors, large, noun, numbers, pick, place, plural, shapes, side, small } from './scene.js'
import type { Background, Color, Random, Scene, Shape, Thing } from './scene.js'
import { seenInTraining } from './seen.js'

export interface SceneOptions {
  /** How many things. Default: 38 % one, 38 % two, 14 % three, 10 % four. */
  readonly count?: number
  /** Whether all things are equal (small ones then). Default: 35 % of scenes with several. */
  readonly same?: boolean
  /** Default: 50 % white, 25 % gray, 25 % black. */
  readonly background?: Background
}

function mixedCount(random: Random): number {
  const share = random()
  return share < 0.38 ? 1 : share < 0.76 ? 2 : share < 0.9 ? 3 : 4
}

/** A scene that the miniature has not seen. */
export function sampleScene(random: Random, options: SceneOptions = {}): Scene {
  const count = options.count ?? mixedCount(random)
  const background = options.background ?? pick(random, ['white', 'white', 'gray', 'black'] as const)
  const same = count > 1 && (options.same ?? random() < 0.35)
  const first = count < 3 && !same ? pick(random, [small, large]) : small // of two equal large ones every fourth picture was seen
  const radii = Array.from({ length: count }, (_, i) => (i === 0 || same || count > 2 ? first : pick(random, [small, large])))
  const things: Thing[] = []
  for (const at of place(random, radii)) {
    let look: Pick<Thing, 'color' | 'shape'>
    do {
      look = { color: pick(random, Object.keys(colors) as Color[]), shape: pick(random, shapes) }
      if (same && things[0]) look = { color: things[0].color, shape: things[0].shape }
    } while (!same && things.some((other) => alike(other, look)))
    things.push({ ...look, ...at })
  }
  const scene = { background, things }
  return seenInTraining(scene) ? sampleScene(random, options) : scene
}

/** The same colour and shape: what a caption cannot tell apart. */
export function alike(a: Pick<Thing, 'color' | 'shape'>, b: Pick<Thing, 'color' | 'shape'>): boolean {
  return a.color === b.color && a.shape === b.shape
}

/** Where a thing is, in the captions' words. */
export function where({ x, y }: Pick<Thing, 'x' | 'y'>): string {
  const part = (at: number, low: string, high: string): string => (at < side * 0.36 ? low : at > side * 0.64 ? high : '')
  const [down, across] = [part(y, 'top', 'bottom'), part(x, 'left', 'right')]
  if (down && across) return `in the ${down} ${across}`
  if (down) return `at the ${down}`
  return across ? `on the ${across}` : 'in the center'
}

/** How a lies to b, or undefined where neither axis is clearly the larger. */
export function clearRelation(a: Pick<Thing, 'x' | 'y'>, b: Pick<Thing, 'x' | 'y'>): string | undefined {
  const [dx, dy] = [a.x - b.x, a.y - b.y]
  if (Math.abs(dx) > Math.abs(dy) * 1.3 && Math.abs(dx) > 10) return dx < 0 ? 'to the left of' : 'to the right of'
  if (Math.abs(dy) > Math.abs(dx) * 1.3 && Math.abs(dy) > 10) return dy < 0 ? 'above' : 'below'
  return undefined
}

const sized = (thing: Thing): string => `${thing.radius === large ? 'large' : 'small'} ${noun(thing)}`
const either = (thing: Thing): string[] => [article(noun(thing)), article(sized(thing))]

/** All orders of a few items. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) => orders([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]))
}

function wordings(things: readonly Thing[]): string[] {
  const [a, b] = things as readonly [Thing, Thing | undefined]
  if (!b) return either(a).flatMap((words) => [words, `${words} ${where(a)}`])
  if (things.every((thing) => alike(thing, a))) return [`${numbers[things.length]!} ${a.color} ${plural(a.shape)}`]
  if (things.length > 2) {
    return orders(things.map((thing) => article(noun(thing)))).map((list) => `${list.slice(0, -1).join(', ')} and ${list.at(-1)!}`)
  }
  return orders([a, b]).flatMap(([one, two]) => {
    const relation = clearRelation(one!, two!)
    const listed = either(one!).flatMap((words) => either(two!).map((others) => `${words} and ${others}`))
    return relation ? [`${article(noun(one!))} ${relation} ${article(noun(two!))}`, ...listed] : listed
  })
}

/** Every caption that is true of the scene in the words of this world. */
export function captions({ background, things }: Scene): Set<string> {
  return new Set(wordings(things).flatMap((words) => [words, `${words} on a ${background} background`]))
}

/** The plainest complete caption: colours, shapes, count, and the background unless it is white. */
export function caption({ background, things }: Scene): string {
  const [a] = things
  const words =
    things.length === 1
      ? article(noun(a!))
      : things.every((thing) => alike(thing, a!))
        ? wordings(things)[0]!
        : `${things
            .slice(0, -1)
            .map((thing) => article(noun(thing)))
            .join(', ')} and ${article(noun(things.at(-1)!))}`
  return background === 'white' ? words : `${words} on a ${background} background`
}

/** Another colour or shape than the given one. */
export function otherColor(random: Random, not: Color): Color {
  return pick(
    random,
    (Object.keys(colors) as Color[]).filter((color) => color !== not),
  )
}
export function otherShape(random: Random, not: Shape): Shape {
  return pick(
    random,
    shapes.filter((shape) => shape !== not),
  )
}
export function otherBackground(random: Random, not: Background): Background {
  return pick(
    random,
    (Object.keys(backgrounds) as Background[]).filter((background) => background !== not),
  )
}
