// Edits of a scene: the instruction in the words of the training data, the scene before and the scene after it.
import { apart, article, noun, pick, shapes, small, spot } from './scene.js'
import type { Random, Scene, Thing } from './scene.js'
import { alike, otherBackground, otherColor, otherShape, sampleScene, where } from './sample.js'
import type { SceneOptions } from './sample.js'

export const editKinds = ['color', 'remove', 'replace', 'background', 'add'] as const
export type EditKind = (typeof editKinds)[number]
export interface Edit {
  readonly kind: EditKind
  readonly instruction: string
  readonly before: Scene
  readonly after: Scene
}

/** The scene with one thing changed, or taken away. */
export function withThing(scene: Scene, old: Thing, changed?: Thing): Scene {
  return { ...scene, things: scene.things.flatMap((thing) => (thing !== old ? [thing] : changed ? [changed] : [])) }
}

function added(random: Random, scene: Scene): Thing | undefined {
  const look = { shape: pick(random, shapes), color: otherColor(random, pick(random, scene.things).color) }
  if (scene.things.some((thing) => alike(thing, look))) return undefined
  for (let tries = 0; tries < 40; tries++) {
    const at = { ...spot(random, small), radius: small }
    if (scene.things.every((thing) => apart(at, thing))) return { ...look, ...at }
  }
  return undefined
}

/** One edit of this kind, or undefined where the scene does not allow it. */
function change(random: Random, kind: EditKind, scene: Scene): [string, Scene] | undefined {
  const unique = scene.things.filter((thing) => scene.things.filter((other) => alike(other, thing)).length === 1)
  if (kind === 'background') {
    const background = otherBackground(random, scene.background)
    return [`Make the background ${background}.`, { ...scene, background }]
  }
  if (kind === 'add') {
    const thing = scene.things.length < 3 ? added(random, scene) : undefined
    return thing && [`Add ${article(noun(thing))} ${where(thing)}.`, { ...scene, things: [...scene.things, thing] }]
  }
  if (unique.length === 0 || (kind === 'remove' && scene.things.length < 2)) return undefined
  const thing = pick(random, unique)
  if (kind === 'remove') return [`Remove the ${noun(thing)}.`, withThing(scene, thing)]
  if (kind === 'color') {
    const color = otherColor(random, thing.color)
    return [`Change the ${noun(thing)} to ${color}.`, withThing(scene, thing, { ...thing, color })]
  }
  const shape = otherShape(random, thing.shape)
  return [`Replace the ${noun(thing)} with a ${shape}.`, withThing(scene, thing, { ...thing, shape })]
}

/** A held-out scene with an edit of this kind. */
export function sampleEdit(random: Random, kind: EditKind, options: SceneOptions = {}): Edit {
  for (;;) {
    const before = sampleScene(random, options)
    const edit = change(random, kind, before)
    if (edit) return { kind, instruction: edit[0], before, after: edit[1] }
  }
}

/** The makers' mixture: one object, any edit; it cannot be removed, for then nothing would be left. */
export function sampleMixedEdit(random: Random): Edit {
  return sampleEdit(
    random,
    pick(
      random,
      editKinds.filter((kind) => kind !== 'remove'),
    ),
    { count: 1 },
  )
}
