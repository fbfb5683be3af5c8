// Questions about a scene in the words of the training data, each with its one exact answer. `describe` has many true answers
// (any wording of the caption), a question about a colour or shape is asked only where one answer is true.
import { article, colors, noun, numbers, pick, shapes } from './scene.js'
import type { Color, Random, Scene } from './scene.js'
import { alike, captions, clearRelation, sampleScene } from './sample.js'
import type { SceneOptions } from './sample.js'

export const questionKinds = ['background', 'count', 'color', 'shape', 'relation', 'exists', 'describe'] as const
export type QuestionKind = (typeof questionKinds)[number]
export interface Question {
  readonly kind: QuestionKind
  readonly scene: Scene
  readonly text: string
  /** Every answer that is right; one, but for `describe`. */
  readonly answers: ReadonlySet<string>
}

/** A question of this kind about the scene, or undefined where none has one answer. */
function ask(random: Random, kind: QuestionKind, scene: Scene): [string, string] | undefined {
  const { things } = scene
  const thing = pick(random, things)
  switch (kind) {
    case 'background':
      return ['What color is the background?', scene.background]
    case 'count':
      return ['How many objects are there?', numbers[things.length]!]
    case 'color': {
      const sameShape = things.filter((other) => other.shape === thing.shape)
      return sameShape.every((other) => alike(other, thing)) ? [`What color is the ${thing.shape}?`, thing.color] : undefined
    }
    case 'shape': {
      const sameColor = things.filter((other) => other.color === thing.color)
      return sameColor.every((other) => alike(other, thing)) ? [`What shape is ${thing.color}?`, thing.shape] : undefined
    }
    case 'relation': {
      const [a, b] = things
      const relation = a && b && things.length === 2 && !alike(a, b) ? clearRelation(a, b) : undefined
      return relation ? [`What is ${relation} the ${noun(b!)}?`, article(noun(a!))] : undefined
    }
    case 'exists': {
      const other = { color: pick(random, Object.keys(colors) as Color[]), shape: pick(random, shapes) }
      const named = random() < 0.5 ? thing : other
      return [`Is there ${article(`${named.color} ${named.shape}`)}?`, things.some((seen) => alike(seen, named)) ? 'yes' : 'no']
    }
    case 'describe':
      return ['Please describe this image.', '']
  }
}

/** A held-out scene with a question of this kind. */
export function sampleQuestion(random: Random, kind: QuestionKind, options: SceneOptions = {}): Question {
  for (;;) {
    const scene = sampleScene(random, kind === 'relation' ? { count: 2, same: false } : options)
    const asked = ask(random, kind, scene)
    if (asked) return { kind, scene, text: asked[0], answers: kind === 'describe' ? captions(scene) : new Set([asked[1]]) }
  }
}

/** The makers' mixture: one object, any question; what is beside, above, ... cannot be asked of one object, so `exists` comes twice. */
export function sampleMixedQuestion(random: Random): Question {
  const kind = pick(random, [...questionKinds, 'exists'] as const)
  return kind === 'relation' ? sampleMixedQuestion(random) : sampleQuestion(random, kind, { count: 1 })
}

export function answeredRight(question: Question, answer: string): boolean {
  return question.answers.has(answer.trim())
}
