// Best of n on scenes of the miniature's world: what a candidate is worth on average, the one that the model chooses, the best there was.
import type { DimooModel } from '../../lib/index.js'
import { detect, judge } from './detect.js'
import { randomFrom, samplePrompt } from './scene.js'
import type { Kind } from './scene.js'
import { rankingArea, standardError } from './score.js'

export interface Choice {
  readonly kind: Kind
  /** A prompt. */
  readonly candidates: number
  readonly prompts: number
  /** Share of all candidates that are right. */
  readonly one: number
  /** Share of prompts whose chosen candidate is right, and its standard error. */
  readonly chosen: number
  readonly error: number
  /** Share of prompts with a right candidate. */
  readonly possible: number
  /** How much of the error of one candidate the choice takes away. */
  readonly gain: number
  /** How scores rank right over wrong candidates: of all prompts together, and within a prompt on average. */
  readonly area: number
  readonly areaWithinPrompts: number
  /** Standard error of `areaWithinPrompts` around 0.5 for scores that say nothing. */
  readonly areaChance: number
}

export async function bestOf(model: DimooModel, kind: Kind, asked: number, candidates: number, seed: number): Promise<Choice> {
  const random = randomFrom(seed)
  const prompts = Array.from({ length: asked }, () => samplePrompt(random, kind))
  const found = await Promise.all(
    prompts.map(async (prompt, i) => {
      const request = { prompt: prompt.text, seed: 100 + i * candidates, n: candidates, bestOf: candidates }
      const { images } = await model.generate(request, { delivery: 'none' }).result()
      return images.map(({ image, score: sure = NaN }) => ({ sure, right: judge(prompt, detect(image.data)).right }))
    }),
  )
  const share = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length
  const all = found.flat()
  const one = share(all.map(({ right }) => right))
  const chosen = share(found.map(([first]) => first!.right))
  const sure = (list: typeof all, right: boolean): number[] => list.filter((image) => image.right === right).map((image) => image.sure)
  const sides = found.map((images) => [sure(images, true), sure(images, false)] as const)
  const ranked = sides.filter(([right, wrong]) => right.length * wrong.length > 0)
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
  return {
    kind,
    candidates,
    prompts: asked,
    one,
    chosen,
    error: standardError(chosen, asked),
    possible: share(found.map((images) => images.some((image) => image.right))),
    gain: one === 1 ? 0 : (chosen - one) / (1 - one),
    area: rankingArea(sure(all, true), sure(all, false)),
    areaWithinPrompts: sum(ranked.map((of) => rankingArea(...of))) / ranked.length,
    // Of Mann and Whitney's statistic, prompts being independent.
    areaChance: Math.sqrt(sum(ranked.map(([{ length: m }, { length: n }]) => (m + n + 1) / (12 * m * n)))) / ranked.length,
  }
}
