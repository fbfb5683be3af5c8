// Runs a trial on many cases at once and sums up: the mean of every mark, its sampling error, what chance would give, and the cost.
import type { DimooModel } from '../../lib/index.js'
import { randomFrom } from './scene.js'
import type { Answer, Marks, Trial, Variation } from './trials.js'

export interface Score {
  readonly cases: number
  /** Means; `right` first. */
  readonly marks: Marks
  /** Binomial standard error of `right`. */
  readonly error: number
  /** Share that is right when every case gets another case's answer. */
  readonly chance: number
  /** Per case. */
  readonly steps: number
  readonly rows: number
}

/** Standard error of a share, with one right and one wrong case added so that 0 and 1 have one too. */
export function standardError(share: number, cases: number): number {
  const smoothed = (share * cases + 1) / (cases + 2)
  return Math.sqrt((smoothed * (1 - smoothed)) / cases)
}

/**
 * How many of `cases` must be right where `share` of `judged` were: one standard error below that share, fewer come by chance once in a
 * hundred times.
 */
export function fewest(share: number, judged: number, cases: number): number {
  const likely = (share * judged + 1) / (judged + 2) - standardError(share, judged)
  let [term, sum] = [(1 - likely) ** cases, 0] // of the binomial distribution, from none right upwards
  for (let right = 0; ; right++) {
    sum += term
    if (sum > 0.01) return right
    term *= ((cases - right) / (right + 1)) * (likely / (1 - likely))
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** The same seed asks the same cases, whatever the variation. */
export async function score(model: DimooModel, { sample }: Trial, cases: number, seed: number, variation: Variation = {}): Promise<Score> {
  const random = randomFrom(seed)
  const asked = Array.from({ length: cases }, () => sample(random))
  const answers: Answer[] = await Promise.all(asked.map((one, i) => one.run(model, 100 + i, variation)))
  const marks = asked.map((one, i) => one.marks(answers[i]!))
  const names = Object.keys(marks[0]!)
  const means = Object.fromEntries(names.map((name) => [name, mean(marks.map((mark) => mark[name]!))])) as Marks
  return {
    cases,
    marks: means,
    error: standardError(means.right, cases),
    chance: mean(asked.map((one, i) => one.marks(answers[(i + 7) % cases]!).right)),
    steps: mean(answers.map(({ steps }) => steps)),
    rows: mean(answers.map(({ rows }) => rows)),
  }
}

/** How well scores rank right over wrong: the share of pairs (one right, one wrong) in which the right one scores higher; ties half. */
export function rankingArea(right: readonly number[], wrong: readonly number[]): number {
  let sum = 0
  for (const good of right) for (const bad of wrong) sum += good > bad ? 1 : good === bad ? 0.5 : 0
  return right.length * wrong.length === 0 ? NaN : sum / (right.length * wrong.length)
}
