// Puts many cases of one kind to a model at once and sums up: the mean of every mark, its sampling error, what chance would give, the cost.
import type { DimooModel } from '../../lib/index.js'
import { ask } from './ask.js'
import type { Answered } from './ask.js'
import type { Case, CaseFile } from './cases.js'
import { marksOf, truth } from './judge.js'
import type { Marks } from './judge.js'
import type { RuleScore } from './rules.js'
import type { Settings } from './settings.js'
import { mean, standardError } from './statistics.js'

export interface Score {
  readonly task: string
  readonly kind: string
  readonly cases: number
  /** Means; `right` first. */
  readonly marks: Marks
  /** Binomial standard error of `right`. */
  readonly error: number
  /** Share that is right when every case gets another case's answer. */
  readonly chance: number
  /** Share that is right when the right picture went through the image tokenizer and back: what no model on it can exceed. Where asked for. */
  readonly ceiling?: number
  /** The best that looking at little or nothing gets right (rules.ts). Where asked for. */
  readonly rule?: RuleScore
  /** Per case: steps taken, rows that went through the model, and seconds on the clock with all cases started together. */
  readonly steps: number
  readonly rows: number
  readonly seconds: number
}

/** One case with what came back, for a sheet. */
export interface Judged {
  readonly one: Case
  readonly answer: Answered
  readonly marks: Marks
}

export interface Measured {
  readonly score: Score
  readonly judged: readonly Judged[]
}

/** See `ceiling`. */
export async function ceilingOf(model: DimooModel, cases: readonly Case[]): Promise<number> {
  const right = cases.map(async (one) => {
    const { picture } = truth(one)
    if (!picture) return 1
    const { tokens, grid } = await model.encodeVq(picture)
    const back = await model.decodeVq(tokens, grid)
    return marksOf(one, { picture: { ...back, channels: 3 } }).right
  })
  return mean(await Promise.all(right))
}

/** The first `count` cases of a file; case i uses `seed` + i. */
export async function measure(model: DimooModel, file: CaseFile, settings: Settings, count: number, seed: number): Promise<Measured> {
  const cases = file.cases.slice(0, count)
  const started = performance.now()
  const answers = await Promise.all(cases.map((one, i) => ask(model, one, settings, seed + i)))
  const seconds = (performance.now() - started) / 1000 / cases.length
  const judged = cases.map((one, i): Judged => {
    const { kept } = answers[i]!
    return { one, answer: answers[i]!, marks: { ...marksOf(one, answers[i]!), ...(kept !== undefined && { kept }) } }
  })
  const names = Object.keys(judged[0]!.marks)
  const marks = Object.fromEntries(names.map((name) => [name, mean(judged.map((each) => each.marks[name] ?? 0))])) as Marks
  const score: Score = {
    task: file.task,
    kind: file.kind,
    cases: cases.length,
    marks,
    error: standardError(marks.right, cases.length),
    chance: mean(cases.map((one, i) => marksOf(one, answers[(i + 7) % cases.length]!).right)),
    steps: mean(answers.map(({ steps }) => steps)),
    rows: mean(answers.map(({ rows }) => rows)),
    seconds,
  }
  return { score, judged }
}
