// What a newcomer sees: the embedded model's answers to held-out cases, judged from pixels or exactly, against a larger measurement
// (bench/results/quality.json), less the sampling error of both.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bestOf } from '../bench/quality/best-of.js'
import { readCases } from '../bench/quality/cases.js'
import type { CaseFile } from '../bench/quality/cases.js'
import { measure } from '../bench/quality/measure.js'
import type { Score } from '../bench/quality/measure.js'
import { findRow } from '../bench/quality/results.js'
import type { Results } from '../bench/quality/results.js'
import { cacheDefaults } from '../bench/quality/settings.js'
import type { Settings } from '../bench/quality/settings.js'
import { fewest } from '../bench/quality/statistics.js'
import { plain } from '../bench/quality/sweep-points.js'
import { draw } from '../bench/quality/world/draw.js'
import { convert, loadModel } from '../lib/index.js'
import type { DimooModel } from '../lib/index.js'
import { embeddedModel } from '../lib/model/source.js'

const bench = path.resolve(import.meta.dirname, '../bench')
const results = JSON.parse(readFileSync(path.join(bench, 'results/quality.json'), 'utf8')) as Results
const files = readCases(path.join(bench, 'quality/cases/first'))
const seed = 777 // other draws than those behind the results
const patience = 300_000 // for a machine without wide vectors that compiles beside it

let model: DimooModel
beforeAll(async () => {
  model = await loadModel()
})
afterAll(() => model.close())

function fileOf(task: string, kind: string): CaseFile {
  const found = files.find((file) => file.task === task && file.kind === kind)
  if (!found) throw new Error(`expected cases of ${task} ${kind}, found none`)
  return found
}

async function scores(task: string, kinds: readonly string[], cases: number, settings: Settings = plain): Promise<Score[]> {
  const found: Score[] = []
  for (const kind of kinds) found.push((await measure(model, fileOf(task, kind), settings, cases, seed)).score)
  console.log(`miniature ${task}: ${found.map(({ kind, marks }) => `${kind} ${JSON.stringify(marks)}`).join(', ')}`)
  return found
}

/** How many are right of all kinds together. */
const rightOf = (found: readonly Score[], mark = 'right'): number =>
  Math.round(found.reduce((sum, { marks, cases }) => sum + marks[mark]! * cases, 0))

/** What our own measurement says of these kinds together. */
function measured(task: string, kinds: readonly string[], settings: Settings = plain): { share: number; judged: number } {
  const rows = kinds.map((kind) => findRow(results.rows, { task, kind, settings, weights: 'bf16', device: 'cpu' })!)
  return {
    share: rows.reduce((sum, { marks }) => sum + marks.right, 0) / rows.length,
    judged: rows.reduce((sum, { cases }) => sum + cases, 0),
  }
}

function least({ share, judged }: { share: number; judged: number }, cases: number): number {
  const least = fewest(share, judged, cases)
  expect(least, 'a threshold that nothing can miss').toBeGreaterThan(0)
  return least
}

test('the results are of the model that is shipped', async () => {
  expect(results.model).toBe((await model.info()).sha256)
})

describe('codes of pictures', () => {
  test('its own pictures, encoded again, give back nearly all of their codes', async () => {
    const drawn = fileOf('generate', 'background').cases.slice(0, 12)
    const runs = drawn.map(({ prompt }, i) => model.generate({ prompt, seed: seed + i }, { delivery: 'none' }).result())
    let same = 0
    let all = 0
    for (const { images } of await Promise.all(runs))
      for (const { image, tokens } of images) {
        const again = await model.encodeVq({ ...image, channels: 3 })
        same += again.tokens.filter((code, i) => code === tokens[i]).length
        all += tokens.length
      }
    console.log(`miniature: ${same} of ${all} codes come back`)
    expect(same / all).toBeGreaterThan(0.95)
  })

  test('a quantised copy reads pictures as the same codes', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'dimoo-miniature-'))
    try {
      const file = path.join(folder, 'q8_0.gguf')
      await convert(embeddedModel, file, { type: 'q8_0' })
      const copy = await loadModel(file)
      for (const { scene } of fileOf('ask', 'background').cases.slice(0, 12))
        expect(await copy.encodeVq(draw(scene))).toEqual(await model.encodeVq(draw(scene)))
      await copy.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

// A newcomer's model must not fall behind what the first one's makers measured, 25 cases a figure.
describe('at least the scores of the first miniature', () => {
  test.each([
    ['generate', ['colors'], 12, 0.96],
    ['generate', ['background'], 12, 0.92],
    ['ask', ['mixed'], 32, 0.68],
  ] as const)(
    '%s: %s',
    async (task, kinds, cases, share) => {
      expect(rightOf(await scores(task, kinds, cases))).toBeGreaterThanOrEqual(least({ share, judged: 25 }, cases))
    },
    patience,
  )
})

describe('scores', () => {
  test.each([
    ['generate', ['two', 'position', 'counting', 'single'], 12],
    ['edit', ['color', 'remove', 'replace', 'background', 'add'], 8],
    ['predict', ['canny', 'depth'], 8],
    ['control', ['canny', 'depth'], 10],
    ['inpaint', ['one'], 24],
    ['retouch', ['one'], 16],
    ['outpaint', ['one'], 24],
    ['ask', ['background', 'color'], 16],
  ] as const)(
    '%s',
    async (task, kinds, cases) => {
      const found = await scores(task, kinds, cases)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least(measured(task, kinds), cases * kinds.length))
      for (const { marks } of found) if (marks.kept !== undefined) expect(marks.kept).toBe(1)
    },
    patience,
  )

  const cached = { ...plain, cache: cacheDefaults }
  test.each([
    ['generate', ['colors'], 12],
    ['predict', ['depth'], 8],
    ['retouch', ['one'], 16],
    ['ask', ['background', 'color'], 16],
  ] as const)(
    '%s with ML-Cache: as right as measured, for fewer rows',
    async (task, kinds, cases) => {
      const found = await scores(task, kinds, cases, cached)
      expect(rightOf(found)).toBeGreaterThanOrEqual(least(measured(task, kinds, cached), cases * kinds.length))
      const [exact] = await scores(task, kinds.slice(0, 1), cases) // the same ones: rows depend on what is masked
      expect(found[0]!.rows).toBeLessThan(exact!.rows)
    },
    patience,
  )

  test(
    'the best of eight: right as often as measured, and ranked better than scores could that say nothing',
    async () => {
      const prompts = 30
      const choice = await bestOf(model, fileOf('generate', 'two'), prompts, 8, seed)
      console.log(`miniature best of eight: ${JSON.stringify(choice)}`)
      const { chosen, prompts: judged } = results.best.find(({ kind }) => kind === 'two')!
      expect(Math.round(choice.chosen * prompts)).toBeGreaterThanOrEqual(least({ share: chosen, judged }, prompts))
      expect(choice.areaWithinPrompts).toBeGreaterThan(0.5 + 1.64 * choice.areaChance) // by chance once in twenty times
    },
    patience,
  )

  test(
    'answers with prefix reuse, and with a threshold',
    async () => {
      const kinds = ['background', 'color'] as const
      const cases = 16
      const ways = { prefix: { ...plain, reuse: 'prefix' }, threshold: { ...plain, threshold: 0.9 } } as const
      const prefix = await scores('ask', kinds, cases, ways.prefix)
      const threshold = await scores('ask', kinds, cases, ways.threshold)
      expect(rightOf(prefix)).toBeGreaterThanOrEqual(least(measured('ask', kinds, ways.prefix), cases * kinds.length))
      expect(rightOf(threshold)).toBeGreaterThanOrEqual(least(measured('ask', kinds, ways.threshold), cases * kinds.length))
      expect(threshold[0]!.steps).toBeLessThanOrEqual(0.6 * plain.steps!)
    },
    patience,
  )
})
