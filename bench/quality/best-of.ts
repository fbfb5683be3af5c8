// Best of n on held-out prompts: what a candidate is worth on average, the one that the model chooses, the best there was; and how the
// judgement by redrawing (lib/tasks/redraw.ts) takes to pictures drawn by code, under their own prompt and another's.
import type { DimooModel } from '../../lib/index.js'
import type { Case, CaseFile } from './cases.js'
import { marksOf, truth } from './judge.js'
import { mean, rankingArea, standardError } from './statistics.js'
import { randomFrom } from './world/random.js'
import type { Random } from './world/random.js'

export interface Choice {
  readonly kind: string
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

interface Candidate {
  readonly sure: number
  readonly right: boolean
}

async function candidatesOf(model: DimooModel, { prompt, scene, ...one }: Case, candidates: number, seed: number): Promise<Candidate[]> {
  const request = { prompt, width: scene.width, height: scene.height, seed, n: candidates, bestOf: candidates }
  const { images } = await model.generate(request, { delivery: 'none' }).result()
  return images.map(({ image, score: sure = NaN }) => {
    const answer = { picture: { ...image, channels: 3 as const } }
    return { sure, right: marksOf({ ...one, prompt, scene }, answer).right === 1 }
  })
}

const sureOf = (list: readonly Candidate[], right: boolean): number[] => list.filter((one) => one.right === right).map(({ sure }) => sure)
const rightShare = (list: readonly Candidate[]): number => mean(list.map(({ right }) => Number(right)))

/** The scores are those of `bestOf`, whatever way of judging the checkpoint asks for. */
export async function bestOf(
  model: DimooModel,
  { kind, cases }: CaseFile,
  prompts: number,
  candidates: number,
  seed: number,
): Promise<Choice> {
  const asked = cases.slice(0, prompts)
  const found = await Promise.all(asked.map((one, i) => candidatesOf(model, one, candidates, seed + i * candidates)))
  const [one, chosen] = [rightShare(found.flat()), mean(found.map(([first]) => Number(first!.right)))]
  const sides = found.map((images) => [sureOf(images, true), sureOf(images, false)] as const)
  const ranked = sides.filter(([right, wrong]) => right.length * wrong.length > 0)
  // Of Mann and Whitney's statistic, prompts being independent.
  const variance = ranked.reduce((sum, [{ length: m }, { length: n }]) => sum + (m + n + 1) / (12 * m * n), 0)
  return {
    kind,
    candidates,
    prompts: asked.length,
    one,
    chosen,
    error: standardError(chosen, asked.length),
    possible: mean(found.map((images) => Number(images.some(({ right }) => right)))),
    gain: one === 1 ? 0 : (chosen - one) / (1 - one),
    area: rankingArea(sureOf(found.flat(), true), sureOf(found.flat(), false)),
    areaWithinPrompts: mean(ranked.map((of) => rankingArea(...of))),
    areaChance: Math.sqrt(variance) / ranked.length,
  }
}

export interface Drawn {
  readonly kind: string
  readonly prompts: number
  /** How scores rank a picture under its own prompt over one under another's: of all pictures together, and of the same picture. */
  readonly area: number
  readonly areaSamePicture: number
}

/** Cells in random halves. */
function halvesOf(random: Random, cells: number): number[][] {
  const order = Array.from({ length: cells }, (_, cell) => ({ cell, at: random() })).sort((a, b) => a.at - b.at)
  return [order.slice(0, cells / 2), order.slice(cells / 2)].map((half) => half.map(({ cell }) => cell))
}

/** The share of cells that, hidden with their half, come back as the other half's picture still has them. */
async function redrawn(model: DimooModel, one: Case, prompt: string, halves: readonly number[][]): Promise<number> {
  const { scale } = await model.info()
  const from = truth(one).picture!
  const columns = from.width / scale
  const results = await Promise.all(
    halves.map((cells) => {
      const region = cells.map((cell) => ({
        left: (cell % columns) * scale,
        top: Math.floor(cell / columns) * scale,
        width: scale,
        height: scale,
      }))
      const request = { from, region, prompt, steps: 1, temperature: 0, guidance: 0, seed: 0 }
      return model.retouch(request, { delivery: 'none' }).result()
    }),
  )
  const same = halves.map((cells, i) => cells.filter((cell) => results[i]!.tokens[cell] === results[i ^ 1]!.tokens[cell]).length)
  return same.reduce((sum, count) => sum + count, 0) / halves.flat().length
}

/** The other prompt is one of the same kind that the picture does not show. */
export async function drawnPictures(model: DimooModel, { kind, cases }: CaseFile, prompts: number, seed: number): Promise<Drawn> {
  const random = randomFrom(seed)
  const asked = cases.slice(0, prompts)
  const { scale } = await model.info()
  const scores = await Promise.all(
    asked.map(async (one, i) => {
      const cells = (one.scene.width * one.scene.height) / scale ** 2
      const halves = [halvesOf(random, cells), halvesOf(random, cells)].flat()
      const other = [...asked.slice(i + 1), ...asked.slice(0, i)].find((case_) => marksOf(case_, truth(one)).right === 0)!
      return { own: await redrawn(model, one, one.prompt, halves), other: await redrawn(model, one, other.prompt, halves) }
    }),
  )
  const area = rankingArea(
    scores.map(({ own }) => own),
    scores.map(({ other }) => other),
  )
  return { kind, prompts: asked.length, area, areaSamePicture: mean(scores.map(({ own, other }) => rankingArea([own], [other]))) }
}
