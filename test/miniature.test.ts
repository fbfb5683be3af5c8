// What a newcomer sees: the embedded model's answers, judged from pixels or exactly, against its makers' scores (models/README.md) and
// against our own larger measurement (bench/results/miniature.json), less the sampling error of both.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel } from '../lib/index.js'
import type { DimooModel } from '../lib/index.js'
import { bestOf } from './world/best-of.js'
import { editKinds } from './world/edits.js'
import { fewest, score } from './world/score.js'
import type { Score } from './world/score.js'
import { trial } from './world/trials.js'
import type { Variation } from './world/trials.js'

interface Results {
  readonly cases: number
  readonly best: readonly { readonly kind: string; readonly chosen: number }[]
  readonly rows: readonly { readonly task: string; readonly kind: string; readonly scores: Readonly<Record<string, Score>> }[]
}
const file = path.resolve(import.meta.dirname, '../bench/results/miniature.json')
const results = JSON.parse(readFileSync(file, 'utf8')) as Results
const seed = 77 // other cases than those behind the results
const patience = 300_000 // for a machine without wide vectors that compiles beside it

let model: DimooModel
beforeAll(async () => {
  model = await loadModel()
})
afterAll(() => model.close())

async function scores(task: string, kinds: readonly string[], cases: number, variation: Variation = {}): Promise<Score[]> {
  const found: Score[] = []
  for (const kind of kinds) found.push(await score(model, trial(task, kind), cases, seed, variation))
  console.log(`miniature ${task}: ${kinds.map((kind, i) => `${kind} ${JSON.stringify(found[i]!.marks)}`).join(', ')}`)
  return found
}

/** How many are right of all kinds together. */
const rightOf = (found: readonly Score[], mark = 'right'): number =>
  Math.round(found.reduce((sum, { marks, cases }) => sum + marks[mark]! * cases, 0))

/** What our own measurement says of these kinds together. */
function measured(task: string, kinds: readonly string[], name = 'exact'): { share: number; judged: number } {
  const rows = kinds.map((kind) => results.rows.find((row) => row.task === task && row.kind === kind)!.scores[name]!)
  return { share: rows.reduce((sum, { marks }) => sum + marks.right, 0) / rows.length, judged: results.cases * rows.length }
}

function least({ share, judged }: { share: number; judged: number }, cases: number): number {
  const least = fewest(share, judged, cases)
  expect(least, 'a threshold that nothing can miss').toBeGreaterThan(0)
  return least
}

describe('scores of its makers, 25 cases a figure', () => {
  const judged = 25
  test.each([
    ['one', { right: 0.96, colors: 1 }],
    ['background', { right: 0.92, colors: 0.96 }],
  ])(
    'text-to-image: %s',
    async (kind, makers) => {
      const found = await scores('text-to-image', [kind], 12)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least({ share: makers.right, judged }, 12))
      expect(rightOf(found, 'colors')).toBeGreaterThanOrEqual(least({ share: makers.colors, judged }, 12))
    },
    patience,
  )

  test(
    'text-to-image: two objects, their positions, counting',
    async () => {
      const found = await scores('text-to-image', ['two', 'position', 'counting'], 14)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least({ share: (0.2 + 0.2 + 0.16) / 3, judged: 3 * judged }, 42))
      expect(rightOf(found, 'colors')).toBeGreaterThanOrEqual(least({ share: (0.64 + 0.72 + 0.24) / 3, judged: 3 * judged }, 42))
    },
    patience,
  )

  test(
    'questions about one object',
    async () => {
      const found = await scores('understand', ['mixed, one object'], 32)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least({ share: 0.68, judged }, 32))
    },
    patience,
  )

  test(
    'edits',
    async () => {
      const found = await scores('edit', editKinds, 8)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least({ share: 0.28, judged }, 40))
    },
    patience,
  )
})

describe('scores of our own', () => {
  test.each([
    ['edit', ['mixed, one object'], 12],
    ['predict', ['canny', 'depth'], 8],
    ['control', ['canny', 'depth'], 10],
    ['inpaint', ['one of two things'], 24],
    ['retouch', ['another colour or shape'], 16],
    ['outpaint', ['one of two things'], 24],
    ['understand', ['background', 'color'], 16],
  ] as const)(
    '%s',
    async (task, kinds, cases) => {
      const found = await scores(task, kinds, cases)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least(measured(task, kinds), cases * kinds.length))
      for (const { marks } of found) if (marks.kept !== undefined) expect(marks.kept).toBe(1)
    },
    patience,
  )

  test.each([
    ['text-to-image', ['one'], 12],
    ['predict', ['depth'], 8],
    ['retouch', ['another colour or shape'], 16],
    ['understand', ['background', 'color'], 16],
  ] as const)(
    '%s with ML-Cache: as right as measured, for fewer rows',
    async (task, kinds, cases) => {
      const found = await scores(task, kinds, cases, { cache: true })
      expect(rightOf(found)).toBeGreaterThanOrEqual(least(measured(task, kinds, 'cache'), cases * kinds.length))
      expect(found[0]!.rows).toBeLessThan(results.rows.find((row) => row.task === task && row.kind === kinds[0])!.scores.exact!.rows)
    },
    patience,
  )

  test(
    'the best of eight: right as often as measured, and ranked better than scores could that say nothing',
    async () => {
      const prompts = 10
      const choice = await bestOf(model, 'background', prompts, 8, seed)
      console.log(`miniature best of eight: ${JSON.stringify(choice)}`)
      const { chosen } = results.best.find(({ kind }) => kind === 'background')!
      const required = least({ share: chosen, judged: results.cases }, prompts)
      expect(Math.round(choice.chosen * prompts)).toBeGreaterThanOrEqual(required)
      expect(choice.chosen).toBeGreaterThan(choice.one)
      expect(choice.areaWithinPrompts).toBeGreaterThan(0.5 + 2.33 * choice.areaChance) // by chance once in a hundred times
    },
    patience,
  )

  test(
    'answers with prefix reuse, and with a threshold',
    async () => {
      const kinds = ['background', 'color'] as const
      const cases = 16
      const prefix = await scores('understand', kinds, cases, { reuse: 'prefix' })
      const threshold = await scores('understand', kinds, cases, { threshold: 0.9 })
      expect(rightOf(prefix)).toBeGreaterThanOrEqual(least(measured('understand', kinds, 'prefix'), cases * kinds.length))
      expect(rightOf(threshold)).toBeGreaterThanOrEqual(least(measured('understand', kinds, 'threshold'), cases * kinds.length))
      expect(threshold[0]!.steps).toBeLessThanOrEqual(
        0.6 * results.rows.find((row) => row.kind === 'background' && row.task === 'understand')!.scores.exact!.steps,
      )
    },
    patience,
  )
})
