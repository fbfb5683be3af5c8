// Every task of the model on the miniature's world: a held-out case, the request that asks for it, and what the answer is worth.
// Used by test/miniature.test.ts (few cases) and bench/miniature.measure.ts (many).
import type { CacheOptions, DimooModel, ImageResult, Run, TextResult } from '../../lib/index.js'
import { detect, judge, judgeScene } from './detect.js'
import { editKinds, sampleEdit, sampleMixedEdit } from './edits.js'
import type { Edit } from './edits.js'
import { picture, sampleHole, sampleRetouch, sampleSide } from './fills.js'
import type { Picture, Rectangle } from './fills.js'
import { drawMap, mapKinds, mapOverlap, rightOverlap, sampleMap } from './maps.js'
import { answeredRight, questionKinds, sampleMixedQuestion, sampleQuestion } from './questions.js'
import type { Question } from './questions.js'
import { samplePrompt, side } from './scene.js'
import type { Kind, Random, Scene } from './scene.js'
import { sampleChat, sampleStyle, sampleSubject, sampleView } from './untrained.js'

/** How a request departs from the task's defaults. */
export interface Variation {
  readonly cache?: boolean | CacheOptions
  readonly reuse?: 'prefix'
  readonly threshold?: number
}

/** What came back; `pixels` of a picture, `text` of an answer. */
export interface Answer {
  readonly pixels: Uint8Array
  readonly text: string
  readonly steps: number
  /** Rows that went through the model. */
  readonly rows: number
  /** Share of the given codes that came back as they were. */
  readonly kept?: number
}

/** `right` and whatever else is measured, each 0 to 1. */
export type Marks = Readonly<Record<string, number>> & { readonly right: number }

export interface Case {
  readonly run: (model: DimooModel, seed: number, variation: Variation) => Promise<Answer>
  /** Also takes another case's answer: what chance alone would give. */
  readonly marks: (answer: Answer) => Marks
}
export interface Trial {
  readonly task: string
  readonly kind: string
  readonly text: boolean
  readonly sample: (random: Random) => Case
}

const silent = { delivery: 'none' } as const
const nothing = new Uint8Array(0)

async function drawn(run: Run<unknown, ImageResult>): Promise<Answer & { readonly tokens: Int32Array }> {
  const { image, tokens, usage } = await run.result()
  return { pixels: image.data, tokens, text: '', steps: usage.steps, rows: usage.forwardTokens }
}
async function told(run: Run<unknown, TextResult>): Promise<Answer> {
  const { text, usage } = await run.result()
  return { pixels: nothing, text, steps: usage.steps, rows: usage.forwardTokens }
}

/** Every thing where the scene has it. */
function placedAs(scene: Scene): Case['marks'] {
  return ({ pixels, kept }) => {
    const { things, placed } = judgeScene(scene, detect(pixels))
    return { right: Number(placed), things: Number(things), ...(kept !== undefined && { kept }) }
  }
}

/** Background, colours, shapes and count, wherever they are: for tasks that do not say where things go. */
function listedAs(scene: Scene): Case['marks'] {
  return ({ pixels }) => {
    const { things, placed } = judgeScene(scene, detect(pixels))
    return { right: Number(things), placed: Number(placed) }
  }
}

const pictures = (task: string, kind: string, sample: Trial['sample']): Trial => ({ task, kind, text: false, sample })
const texts = (kind: string, sample: Trial['sample'], task = 'understand'): Trial => ({ task, kind, text: true, sample })

export const promptKinds: readonly Kind[] = ['one', 'background', 'two', 'position', 'counting']
const prompts = promptKinds.map((kind) =>
  pictures('text-to-image', kind, (random) => {
    const asked = samplePrompt(random, kind)
    return {
      run: (model, seed, variation) => drawn(model.run('text-to-image', { prompt: asked.text, seed, ...variation }, silent)),
      marks: ({ pixels }) => {
        const { right, things, colors } = judge(asked, detect(pixels))
        return { right: Number(right), things: Number(things), colors: Number(colors) }
      },
    }
  }),
)

const edit = (kind: string, sample: (random: Random) => Edit): Trial =>
  pictures('edit', kind, (random) => {
    const { instruction: prompt, before, after } = sample(random)
    const image = picture(before)
    return {
      run: (model, seed, variation) => drawn(model.run('edit', { prompt, image, seed, ...variation }, silent)),
      marks: listedAs(after),
    }
  })
const edits = [edit('mixed, one object', sampleMixedEdit), ...editKinds.map((kind) => edit(kind, (random) => sampleEdit(random, kind)))]

const maps = mapKinds.flatMap((kind) => [
  pictures('predict', kind, (random) => {
    const { scene } = sampleMap(random, kind)
    const image = picture(scene)
    const truth = drawMap(kind, scene)
    return {
      run: (model, seed, variation) => drawn(model.run('predict', { map: kind, image, seed, ...variation }, silent)),
      marks: ({ pixels }) => {
        const overlap = mapOverlap(kind, truth, pixels)
        return { right: Number(overlap >= rightOverlap), overlap }
      },
    }
  }),
  pictures('control', kind, (random) => {
    const { scene, prompt } = sampleMap(random, kind)
    const image = { ...picture(scene), data: drawMap(kind, scene) }
    return {
      run: (model, seed, variation) => drawn(model.run('control', { control: kind, prompt, image, seed, ...variation }, silent)),
      marks: placedAs(scene),
    }
  }),
])

/** Share of the codes outside the region that are still the given picture's. */
async function keptShare(model: DimooModel, given: Picture, region: Rectangle, tokens: Int32Array): Promise<number> {
  const { tokens: before, grid } = await model.encodeVq(given)
  const cell = side / grid.columns
  const within = (at: number, from: number, length: number): boolean => at * cell >= from && at * cell < from + length
  const outside = [...before.keys()].filter((i) => {
    const [column, row] = [i % grid.columns, Math.floor(i / grid.columns)]
    return !(within(column, region.left, region.width) && within(row, region.top, region.height))
  })
  return outside.filter((i) => tokens[i] === before[i]).length / outside.length
}

const fills = [
  pictures('inpaint', 'one of two things', (random) => {
    const { prompt, scene, picture: image, region } = sampleHole(random)
    return {
      run: async (model, seed, variation) => {
        const answer = await drawn(model.run('inpaint', { prompt, image, mask: region, seed, ...variation }, silent))
        return { ...answer, kept: await keptShare(model, image, region, answer.tokens) }
      },
      marks: placedAs(scene),
    }
  }),
  pictures('retouch', 'another colour or shape', (random) => {
    const { prompt, scene, picture: from, region } = sampleRetouch(random)
    return {
      run: async (model, seed, variation) => {
        const answer = await drawn(model.run('retouch', { prompt, from, region, seed, ...variation }, silent))
        return { ...answer, kept: await keptShare(model, from, region, answer.tokens) }
      },
      marks: placedAs(scene),
    }
  }),
  pictures('outpaint', 'one of two things', (random) => {
    const { prompt, scene, picture: image, extend } = sampleSide(random)
    return {
      run: (model, seed, variation) => drawn(model.run('outpaint', { prompt, image, extend, seed, ...variation }, silent)),
      marks: listedAs(scene),
    }
  }),
]

const question = (kind: string, sample: (random: Random) => Question): Trial =>
  texts(kind, (random) => {
    const asked = sample(random)
    const request = { prompt: asked.text, images: [picture(asked.scene)] }
    return {
      run: (model, seed, variation) => told(model.run('understand', { ...request, seed, ...variation }, silent)),
      marks: ({ text }) => ({ right: Number(answeredRight(asked, text)) }),
    }
  })
const questions = [
  question('mixed, one object', sampleMixedQuestion),
  ...questionKinds.map((kind) => question(kind, (random) => sampleQuestion(random, kind))),
]

/** What the miniature never saw in training. */
const untrained = [
  pictures('subject', 'another background', (random) => {
    const { prompt, image, scene } = sampleSubject(random)
    return {
      run: (model, seed, variation) => drawn(model.run('subject', { prompt, image, seed, ...variation }, silent)),
      marks: listedAs(scene),
    }
  }),
  pictures('style', 'background of the reference', (random) => {
    const { image, style, scene } = sampleStyle(random)
    return {
      run: (model, seed, variation) => drawn(model.run('style', { image, style, seed, ...variation }, silent)),
      marks: listedAs(scene),
    }
  }),
  pictures('view', 'left or right', (random) => {
    const { image, view, scene } = sampleView(random)
    return {
      run: (model, seed, variation) => drawn(model.run('view', { image, view, seed, ...variation }, silent)),
      marks: listedAs(scene),
    }
  }),
  texts(
    'color of a thing that was told',
    (random) => {
      const { text, answer } = sampleChat(random)
      const messages = [{ role: 'user', content: text }] as const
      return {
        run: (model, seed, variation) => told(model.run('chat', { messages, seed, ...variation }, silent)),
        marks: ({ text: said }) => ({ right: Number(said.trim() === answer) }),
      }
    },
    'chat',
  ),
]

/** All of them, in the order of the tables. */
export const trials: readonly Trial[] = [...prompts, ...edits, ...maps, ...fills, ...questions, ...untrained]

export function trial(task: string, kind: string): Trial {
  const found = trials.find((one) => one.task === task && one.kind === kind)
  if (!found) throw new Error(`trial: expected a task and kind of this file, got ${task}, ${kind}`)
  return found
}
