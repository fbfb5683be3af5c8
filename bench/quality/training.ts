// Scores of the miniatures of one training against the tokens that each had seen, from bench/results/training.json (collected from their
// scoreboards: the same cases, each file's own defaults): a plot, and how many tokens each kind would want if it went on as it did.
import path from 'node:path'
import { root } from './open.js'
import type { Plot, Series } from './plot.js'
import { standardError } from './statistics.js'

/** One kind of one miniature. */
export interface Learnt {
  readonly task: string
  readonly kind: string
  readonly cases: number
  readonly right: number
}

export interface Training {
  /** Of every row: what requests were given beside the file's defaults. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly seed: number
  /** By task and kind: the share that is wanted. */
  readonly targets: Readonly<Record<string, number>>
  readonly models: readonly {
    readonly name: string
    readonly millions: number
    readonly sha256: string
    readonly rows: readonly Learnt[]
  }[]
}

export const trainingFile = path.join(root, 'bench/results/training.json')

const colors = ['#1b6ca8', '#d1495b', '#2e933c', '#7b4fa3', '#e08e1b', '#5b5b5b', '#00a0a0', '#a05000']
const nameOf = ({ task, kind }: Pick<Learnt, 'task' | 'kind'>): string => `${task} ${kind}`

/** Kinds that every miniature was asked. */
function kindsOf({ models }: Training): string[] {
  const [first, ...others] = models.map(({ rows }) => rows.map(nameOf))
  return (first ?? []).filter((name) => others.every((names) => names.includes(name)))
}

const pointsOf = ({ models }: Training, name: string): { millions: number; row: Learnt }[] =>
  models.map(({ millions, rows }) => ({ millions, row: rows.find((row) => nameOf(row) === name)! }))

export function trainingPlot(training: Training): Plot {
  const series = kindsOf(training).map((name, i): Series => {
    const points = pointsOf(training, name).map(({ millions, row: { right, cases } }) => ({
      x: millions,
      y: right,
      error: standardError(right, cases),
    }))
    return { name, color: colors[i % colors.length]!, points }
  })
  return {
    title: 'Tokens seen',
    note: 'miniatures that came one of the other, 32 steps, guidance and floor as in each file',
    x: { label: 'millions of tokens', ticks: [0, 10, 20, 30, 40, 50] },
    y: { label: 'right (share of the cases, ± standard error)', ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: (v) => v.toFixed(1) },
    series,
  }
}

const logit = (share: number, cases: number): number => {
  const smoothed = (share * cases + 0.5) / (cases + 1)
  return Math.log(smoothed / (1 - smoothed))
}

/** Millions of tokens at which a straight line of the score's logit over log tokens meets the target; undefined where it does not rise. */
export function wanted(training: Training, name: string): number | undefined {
  const target = training.targets[name]
  if (target === undefined) return undefined
  const points = pointsOf(training, name).map(({ millions, row }) => ({ x: Math.log(millions), y: logit(row.right, row.cases) }))
  const mean = (pick: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)]
  const slope = mean((point) => (point.x - x) * (point.y - y)) / mean((point) => (point.x - x) ** 2)
  return slope > 0 ? Math.exp(x + (Math.log(target / (1 - target)) - y) / slope) : undefined
}

/** A row a kind: its scores, the target, what the line predicts. */
export function trainingTable(training: Training): string {
  const told = (millions: number | undefined): string =>
    millions === undefined ? 'no line that rises' : millions > 1000 ? 'over 1,000' : String(Math.round(millions))
  const heads = training.models.map(({ millions }) => `${millions} M`)
  return [
    `| right after | ${heads.join(' | ')} | target | millions of tokens that a line predicts |`,
    `| --- | ${heads.map(() => '---').join(' | ')} | --- | --- |`,
    ...kindsOf(training).map((name) => {
      const scores = pointsOf(training, name).map(({ row }) => row.right.toFixed(2))
      const reached = pointsOf(training, name).at(-1)!.row.right >= (training.targets[name] ?? 1)
      return `| ${name} | ${scores.join(' | ')} | ${training.targets[name]?.toFixed(2) ?? ''} | ${reached ? 'reached' : told(wanted(training, name))} |`
    }),
  ].join('\n')
}
