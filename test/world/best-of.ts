// Best of n on scenes of the miniature's world: what a candidate is worth on average, the one that the model chooses, the best there was;
// and how the judgement by redrawing (lib/tasks/redraw.ts) takes to pictures drawn by code, under their own prompt and another's.
import type { DimooModel } from '../../lib/index.js'
import { detect, judge } from './detect.js'
import { draw, randomFrom, samplePrompt, side } from './scene.js'
import type { Kind, Prompt, Random } from './scene.js'
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

/** The scores are those of `bestOf`, whatever way of judging the checkpoint asks for. */
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

export interface Drawn {
  readonly kind: Kind
  readonly prompts: number
  /** How scores rank a picture under its own prompt over one under another's: of all pictures together, and of the same picture. */
  readonly area: number
  readonly areaSamePicture: number
}

/** Cells of 8 x 8 pixels in random halves. */
function halvesOf(random: Random): number[][] {
  const order = Array.from({ length: (side / 8) ** 2 }, (_, cell) => ({ cell, at: random() })).sort((a, b) => a.at - b.at)
  const cells = order.map(({ cell }) => cell)
  return [cells.slice(0, cells.length / 2), cells.slice(cells.length / 2)]
}

/** The share of cells that, hidden with their half, come back as the other half's picture still has them. */
async function redrawn(model: DimooModel, pixels: Uint8Array, prompt: string, halves: readonly number[][]): Promise<number> {
  const from = { data: pixels, width: side, height: side, channels: 3 } as const
  const results = await Promise.all(
    halves.map((cells) => {
      const region = cells.map((cell) => ({ left: (cell % 8) * 8, top: Math.floor(cell / 8) * 8, width: 8, height: 8 }))
      const request = { from, region, prompt, steps: 1, temperature: 0, guidance: 0, seed: 0 }
      return model.run('retouch', request, { delivery: 'none' }).result()
    }),
  )
  const same = halves.map((cells, i) => cells.filter((cell) => results[i]!.tokens[cell] === results[i ^ 1]!.tokens[cell]).length)
  return same.reduce((sum, count) => sum + count, 0) / halves.flat().length
}

/** The other prompt is one of the same kind that the picture does not show. */
export async function drawnPictures(model: DimooModel, kind: Kind, asked: number, seed: number): Promise<Drawn> {
  const random = randomFrom(seed)
  const prompts = Array.from({ length: asked }, () => samplePrompt(random, kind))
  const halves = [halvesOf(random), halvesOf(random)].flat()
  const scores = await Promise.all(
    prompts.map(async (prompt, i) => {
      const pixels = draw(prompt.scene)
      const shown = detect(pixels)
      const wrong = (other: Prompt): boolean => !judge(other, shown).right
      const other = [...prompts.slice(i + 1), ...prompts.slice(0, i)].find(wrong)!
      return { own: await redrawn(model, pixels, prompt.text, halves), other: await redrawn(model, pixels, other.text, halves) }
    }),
  )
  const pairs = scores.map(({ own, other }) => rankingArea([own], [other]))
  return {
    kind,
    prompts: asked,
    area: rankingArea(
      scores.map(({ own }) => own),
      scores.map(({ other }) => other),
    ),
    areaSamePicture: pairs.reduce((sum, area) => sum + area, 0) / asked,
  }
}
