// Questions about scenes of the first miniature's world, each with every answer that is right: one, but for descriptions. A question
// about a colour or shape is asked only where one answer is true.
import { pick } from '../world/random.js'
import type { Random } from '../world/random.js'
import { alike, numbers } from '../world/scene.js'
import type { Scene, Thing } from '../world/scene.js'
import type { Sample, Sampler } from './pictures.js'
import { article, captions, noun, relation, sampleScene, world } from './scenes.js'
import type { SceneOptions } from './scenes.js'

const kinds = ['background', 'count', 'color', 'shape', 'relation', 'exists', 'describe'] as const
type Kind = (typeof kinds)[number]

function ask(random: Random, kind: Kind, scene: Scene): [string, readonly string[]] | undefined {
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
      const [a, b] = objects
      const related = a && b && objects.length === 2 && !alike(a, b) ? relation(a, b) : undefined
      return related ? [`What is ${related} the ${noun(b!)}?`, [article(noun(a!))]] : undefined
    }
    case 'exists': {
      const named =
        random() < 0.5 ? thing : { color: pick(random, world.colors), shape: pick(random, world.shapes), fill: 'solid' as const }
      return [`Is there ${article(noun(named))}?`, [objects.some((seen) => alike(seen, named)) ? 'yes' : 'no']]
    }
    case 'describe':
      return ['Please describe this image.', captions(scene)]
  }
}

function question(random: Random, kind: Kind, options: SceneOptions): Sample {
  for (;;) {
    const scene = sampleScene(random, kind === 'relation' ? { count: 2, same: false } : options)
    const asked = ask(random, kind, scene)
    if (asked) return { judge: 'answer', prompt: asked[0], scene, image: scene, answers: asked[1] }
  }
}

/** `mixed`: the makers' mixture, any question about one object; what is beside, above, ... cannot be asked then, `exists` comes twice. */
export const questions: Readonly<Record<string, Sampler>> = {
  mixed: (random) => question(random, pick(random, [...kinds.filter((kind) => kind !== 'relation'), 'exists'] as const), { count: 1 }),
  ...Object.fromEntries(kinds.map((kind): [string, Sampler] => [kind, (random) => question(random, kind, {})])),
}

/** Not trained: a question about a scene that is told, not shown. */
export const told: Sampler = (random, index) => {
  const scene = sampleScene(random, { count: 2, same: false })
  const [a, b] = scene.objects as [Thing, Thing]
  if (a.shape === b.shape) return told(random, index)
  const prompt = `There is ${article(noun(a))} and ${article(noun(b))}. What color is the ${a.shape}?`
  return { judge: 'answer', prompt, scene, answers: [a.color] }
}
