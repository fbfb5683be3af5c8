// Questions about scenes of the first miniature's world, each with every answer that is right: one, but for descriptions. A question
// about a colour or shape is asked only where one answer is true.
import { pick } from '../world/random.js'
import type { Random } from '../world/random.js'
import { alike, numbers } from '../world/scene.js'
import type { Scene, Thing } from '../world/scene.js'
import type { Sample, Sampler } from './pictures.js'
import { article, captions, noun, relation, sampleScene, world } from './scenes.js'
import type { SceneOptions } from './scenes.js'

const numberOfThings = 4
const kinds = ['background', 'count', 'color', 'shape', 'relation', 'exists', 'describe'] as const
type Kind = (typeof kinds)[number]

/** `yes`: whether what is asked for by `exists` is there. */
function ask(random: Random, kind: Kind, scene: Scene, yes: boolean): [string, readonly string[]] | undefined {
  const { objects, background } = scene
  const thing = pick(random, objects)
  const one = (fits: (seen: Thing) => boolean): boolean => objects.filter(fits).every((seen) => alike(seen, thing))
  switch (kind) {
    case 'background':
      return ['What color is the background?', [background]]
    case 'count':
      return ['How many objects are there?', [numbers[objects.length]!]]
    case 'color':
      return one((seen) => seen.shape === thing.shape) ? [`What color is the ${thing.shape}?`, [thing.color]] : undefined
    case 'shape':
      return one((seen) => seen.color === thing.color) ? [`What shape is ${thing.color}?`, [thing.shape]] : undefined
    case 'relation': {
      // Exactly one thing lies so to the one that is named.
      const [b, ...others] = [thing, ...objects.filter((seen) => seen !== thing)]
      const a = pick(random, others)
      const related = relation(a, b)
      const alone = related && others.filter((seen) => relation(seen, b) === related).length === 1
      return alone ? [`What is ${related} the ${noun(b)}?`, [article(noun(a))]] : undefined
    }
    case 'exists': {
      const named = yes ? thing : { color: pick(random, world.colors), shape: pick(random, world.shapes), fill: 'solid' as const }
      const there = objects.some((seen) => alike(seen, named))
      return there === yes ? [`Is there ${article(noun(named))}?`, [yes ? 'yes' : 'no']] : undefined
    }
    case 'describe':
      return ['Please describe this image.', captions(scene)]
  }
}

/** Answers take turns where there are few, so that none of them is right more often than the others. */
function question(random: Random, kind: Kind, index: number, options: SceneOptions): Sample {
  const turns: Partial<Record<Kind, SceneOptions>> = {
    background: { background: world.backgrounds[index % world.backgrounds.length]! },
    count: { count: 1 + (index % numberOfThings) },
    // Of two things the answer would always be the other one.
    relation: { count: 3, same: false },
  }
  for (;;) {
    const scene = sampleScene(random, { ...turns[kind], ...options })
    const asked = ask(random, kind, scene, index % 2 === 0)
    if (asked) return { judge: 'answer', prompt: asked[0], scene, image: scene, answers: asked[1] }
  }
}

/** `mixed`: the makers' mixture, any question about one object; what is beside, above, ... cannot be asked then, `exists` comes twice. */
export const questions: Readonly<Record<string, Sampler>> = {
  mixed: (random, index) => {
    const kind = pick(random, [...kinds.filter((one) => one !== 'relation'), 'exists'] as const)
    return question(random, kind, index, { count: 1 })
  },
  ...Object.fromEntries(kinds.map((kind): [string, Sampler] => [kind, (random, index) => question(random, kind, index, {})])),
}

/** A question about a scene that is told, not shown: about the thing that is named first as often as about the other. */
export const told: Sampler = (random, index) => {
  const scene = sampleScene(random, { count: 2, same: false })
  const [a, b] = scene.objects as [Thing, Thing]
  if (a.shape === b.shape || a.color === b.color) return told(random, index)
  const asked = index % 2 === 0 ? a : b
  const prompt = `There is ${article(noun(a))} and ${article(noun(b))}. What color is the ${asked.shape}?`
  return { judge: 'answer', prompt, scene, answers: [asked.color] }
}
