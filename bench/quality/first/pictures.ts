// Cases of the first miniature's picture tasks: text to image, edits, filling, maps, and what it was not trained on (subject, style, view).
import type { Ask, Case, Group, Rectangle, Sides } from '../cases.js'
import { pick } from '../world/random.js'
import type { Random } from '../world/random.js'
import { alike, numbers, sizes, where } from '../world/scene.js'
import type { Scene, Thing } from '../world/scene.js'
import {
  apart,
  article,
  caption,
  noun,
  other,
  otherBackground,
  plural,
  relation,
  sampleScene,
  sceneOf,
  sized,
  spot,
  world,
} from './scenes.js'

/** A case before it has a name. */
export type Sample = Omit<Case, 'id' | 'task' | 'kind'>
export type Sampler = (random: Random, index: number) => Sample

/** What a caption that names looks, count and background asks for, unless more is said. */
function asks(
  { background, palette, objects }: Scene,
  more: Partial<Omit<Ask, 'groups'>> & { group?: (thing: Thing) => Partial<Group> } = {},
): Ask {
  const { group = () => ({}), ...rest } = more
  const firsts = objects.filter((thing, i) => objects.findIndex((known) => alike(known, thing)) === i)
  const groups = firsts.map((thing) => {
    const { shape, color, fill } = thing
    const count = objects.filter((seen) => alike(seen, thing)).length
    return { count, shape, color, fill, size: null, where: null, ...group(thing) }
  })
  return { background, palette, groups, relation: null, word: null, figure: null, ...rest }
}

const white = { background: 'white', same: false } as const

function pairOf(random: Random, fits: (a: Thing, b: Thing) => boolean, options = {}): [Scene, Thing, Thing] {
  for (;;) {
    const scene = sampleScene(random, { ...white, count: 2, ...options })
    const [a, b] = scene.objects as [Thing, Thing]
    if (fits(a, b)) return [scene, a, b]
  }
}

export const prompts: Readonly<Record<string, Sampler>> = {
  single: (random) => {
    const scene = sampleScene(random, { ...white, count: 1 })
    const [thing] = scene.objects as [Thing]
    const [size, placed] = [random() < 0.5, random() < 0.5]
    const prompt = `${article(size ? sized(thing) : noun(thing))}${placed ? ` ${where(thing, scene)}` : ''}`
    const group = { size: size ? thing.size : null, where: placed ? where(thing, scene) : null }
    return { judge: 'asked', prompt, scene, ask: asks(scene, { group: () => group }) }
  },
  two: (random) => {
    const [scene, a, b] = pairOf(random, () => true)
    return { judge: 'asked', prompt: `${article(noun(a))} and ${article(noun(b))}`, scene, ask: asks(scene) }
  },
  three: (random) => {
    const scene = sampleScene(random, { ...white, count: 3 })
    return { judge: 'asked', prompt: caption(scene), scene, ask: asks(scene) }
  },
  counting: (random, index) => {
    const count = 2 + (index % 3)
    const scene = sampleScene(random, { background: 'white', count, same: true })
    const [thing] = scene.objects as [Thing]
    return { judge: 'asked', prompt: `${numbers[count]!} ${thing.color} ${plural(thing.shape)}`, scene, ask: asks(scene) }
  },
  colors: (random, index) => {
    const [first] = sampleScene(random, { ...white, count: 1 }).objects as [Thing]
    const scene = sceneOf('white', [{ ...first, color: world.colors[index % world.colors.length]! }])
    return { judge: 'asked', prompt: caption(scene), scene, ask: asks(scene) }
  },
  position: (random) => {
    const [scene, a, b] = pairOf(random, (one, two) => relation(one, two) !== undefined)
    const related = relation(a, b)!
    return { judge: 'asked', prompt: `${article(noun(a))} ${related} ${article(noun(b))}`, scene, ask: asks(scene, { relation: related }) }
  },
  binding: (random, index) => {
    const differ = (a: Thing, b: Thing): boolean => a.color !== b.color && a.shape !== b.shape
    const [scene, a, b] = pairOf(random, differ, { sizes: index % 2 === 0 ? ['small', 'large'] : ['large', 'small'] })
    return {
      judge: 'asked',
      prompt: `${article(sized(a))} and ${article(sized(b))}`,
      scene,
      ask: asks(scene, { group: ({ size }) => ({ size }) }),
    }
  },
  background: (random) => {
    const scene = sampleScene(random, { count: 1, background: pick(random, ['gray', 'black'] as const) })
    return { judge: 'asked', prompt: caption(scene), scene, ask: asks(scene) }
  },
}

const changed = (scene: Scene, old: Thing, now?: Thing): Scene => ({
  ...scene,
  objects: scene.objects.flatMap((thing) => (thing !== old ? [thing] : now ? [now] : [])),
})

function extra(random: Random, { objects }: Scene): Thing | undefined {
  const look = { shape: pick(random, world.shapes), color: pick(random, world.colors), fill: 'solid' } as const
  if (objects.some((thing) => alike(thing, look))) return undefined
  for (let tries = 0; tries < 40; tries++) {
    const at = spot(random, 'small')
    if (objects.every((thing) => apart(at, thing))) return { ...look, ...at }
  }
  return undefined
}

const editKinds = ['color', 'remove', 'replace', 'background', 'add'] as const
type EditKind = (typeof editKinds)[number]

/** An edit of this kind, or undefined where the scene does not allow it. */
function edited(random: Random, kind: EditKind, scene: Scene): [string, Scene] | undefined {
  const { objects } = scene
  if (kind === 'background') {
    const background = otherBackground(random, scene.background)
    return [`Make the background ${background}.`, { ...scene, background }]
  }
  if (kind === 'add') {
    const thing = objects.length < 3 ? extra(random, scene) : undefined
    return thing && [`Add ${article(noun(thing))} ${where(thing, scene)}.`, { ...scene, objects: [...objects, thing] }]
  }
  const unique = objects.filter((thing) => objects.filter((seen) => alike(seen, thing)).length === 1)
  if (unique.length === 0 || (kind === 'remove' && objects.length < 2)) return undefined
  const thing = pick(random, unique)
  if (kind === 'remove') return [`Remove the ${noun(thing)}.`, changed(scene, thing)]
  if (kind === 'color') {
    const color = other(random, world.colors, thing.color)
    return [`Change the ${noun(thing)} to ${color}.`, changed(scene, thing, { ...thing, color })]
  }
  const shape = other(random, world.shapes, thing.shape)
  return [`Replace the ${noun(thing)} with a ${shape}.`, changed(scene, thing, { ...thing, shape })]
}

function edit(random: Random, kind: EditKind): Sample {
  for (;;) {
    const image = sampleScene(random)
    const found = edited(random, kind, image)
    if (found) return { judge: 'placed', prompt: found[0], image, scene: found[1] }
  }
}
export const edits = Object.fromEntries(editKinds.map((kind): [string, Sampler] => [kind, (random) => edit(random, kind)]))

/** The cells that a thing touches, as pixels. */
function cellsOf({ x, y, size }: Thing): Rectangle {
  const { half } = sizes[8][size]
  return { left: x - half, top: y - half, width: 2 * half, height: 2 * half }
}

/** Two things, one of them under the hole: what is there must come from the prompt. */
const inpaint: Sampler = (random) => {
  const scene = sampleScene(random, { count: 2, same: false })
  return { judge: 'placed', prompt: caption(scene), scene, image: scene, region: cellsOf(scene.objects[0]!) }
}

/** One or two things; the region of one is to show it in another colour or shape. */
const retouch: Sampler = (random, index) => {
  const image = sampleScene(random, { count: 1 + Math.floor(random() * 2), same: false })
  const thing = image.objects[0]!
  const color = other(random, world.colors, thing.color)
  const shape = other(random, world.shapes, thing.shape)
  const now = random() < 0.5 ? { ...thing, color } : { ...thing, shape }
  if (image.objects.some((seen) => alike(seen, now))) return retouch(random, index)
  const scene = changed(image, thing, now)
  return { judge: 'placed', prompt: caption(scene), scene, image, region: cellsOf(thing) }
}

/** Two things with a straight line between them, at a multiple of 16 pixels as pictures' sides are; only the first one's part is given. */
const outpaint: Sampler = (random) => {
  for (;;) {
    const scene = sampleScene(random, { count: 2, same: false })
    const [kept, missing] = scene.objects.map(cellsOf) as [Rectangle, Rectangle]
    const to = pick(random, ['left', 'right', 'top', 'bottom'] as const)
    const [start, length] = to === 'left' || to === 'right' ? (['left', 'width'] as const) : (['top', 'height'] as const)
    const [first, second] = to === 'right' || to === 'bottom' ? [kept, missing] : [missing, kept]
    const border = Math.ceil((first[start] + first[length]) / 16) * 16
    if (border > second[start]) continue
    const extend: Sides = { [to]: first === kept ? 64 - border : border }
    return { judge: 'asked', prompt: caption(scene), scene, ask: asks(scene), image: scene, extend }
  }
}
export const fillings = { inpaint, retouch, outpaint }

const mapped = (random: Random, map: 'canny' | 'depth', task: 'predict' | 'control'): Sample => {
  const scene = sampleScene(random)
  return task === 'predict'
    ? { judge: 'map', prompt: '', scene, image: scene, map }
    : { judge: 'placed', prompt: caption(scene), scene, image: scene, map }
}
export const maps = (['canny', 'depth'] as const).flatMap((map) =>
  (['predict', 'control'] as const).map((task): [typeof task, typeof map, Sampler] => [task, map, (random) => mapped(random, map, task)]),
)

/** Not trained: what a model that knew these tasks would give. Flat things look the same from every side. */
export const untrained: Readonly<Record<'subject' | 'style' | 'view', Sampler>> = {
  subject: (random) => {
    const image = sampleScene(random, { count: 1 })
    const scene = { ...image, background: otherBackground(random, image.background) }
    return { judge: 'asked', prompt: caption(scene), image, scene, ask: asks(scene) }
  },
  style: (random) => {
    const image = sampleScene(random, { count: 1 })
    const style = sampleScene(random, { count: 1, background: otherBackground(random, image.background) })
    const scene = { ...image, background: style.background }
    return { judge: 'asked', prompt: '', image, style, scene, ask: asks(scene) }
  },
  view: (random) => {
    const scene = sampleScene(random)
    return { judge: 'asked', prompt: '', image: scene, view: random() < 0.5 ? 'left' : 'right', scene, ask: asks(scene) }
  },
}
