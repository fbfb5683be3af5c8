// What the embedded model can do, task by task (models/README.md): held-out cases judged from pixels or exact answers, exactly computed
// and with every approximation beside it. Writes bench/results/miniature.json; bench/miniature-table.mjs makes the tables from it.
//   npx vitest run --config bench/vitest.config.ts bench/miniature.measure.ts
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { loadModel } from '../lib/index.js'
import type { DimooModel } from '../lib/index.js'
import { detect, judge } from '../test/world/detect.js'
import { randomFrom, samplePrompt } from '../test/world/scene.js'
import type { Kind } from '../test/world/scene.js'
import { rankingArea, score, standardError } from '../test/world/score.js'
import type { Score } from '../test/world/score.js'
import { trials } from '../test/world/trials.js'
import type { Variation } from '../test/world/trials.js'

const cases = 60
const seed = 5001
const hour = 3_600_000

const pictureVariations: Readonly<Record<string, Variation>> = { exact: {}, cache: { cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } } }
const textVariations: Readonly<Record<string, Variation>> = {
  ...pictureVariations,
  prefix: { reuse: 'prefix' },
  threshold: { threshold: 0.9 },
}

let model: DimooModel
const rows: { task: string; kind: string; text: boolean; scores: Record<string, Score> }[] = []
const best: Awaited<ReturnType<typeof bestOf>>[] = []
beforeAll(async () => {
  model = await loadModel()
})
afterAll(async () => {
  await model.close()
})

test.each(trials)(
  '$task: $kind',
  async (trial) => {
    const scores: Record<string, Score> = {}
    for (const [name, variation] of Object.entries(trial.text ? textVariations : pictureVariations))
      scores[name] = await score(model, trial, cases, seed, variation)
    const { task, kind, text } = trial
    rows.push({ task, kind, text, scores })
    console.log(
      `${task} ${kind}: ${Object.entries(scores)
        .map(([name, { marks }]) => `${name} ${marks.right.toFixed(2)}`)
        .join(', ')}`,
    )
  },
  hour,
)

/** Eight candidates a prompt, all kept: what one of them is worth on average, the model's choice, and the best that was there. */
async function bestOf(kind: Kind, candidates: number) {
  const random = randomFrom(seed)
  const prompts = Array.from({ length: cases }, () => samplePrompt(random, kind))
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
  const within = found.map((images) => rankingArea(sure(images, true), sure(images, false))).filter((area) => !Number.isNaN(area))
  return {
    kind,
    candidates,
    prompts: cases,
    one,
    chosen,
    error: standardError(chosen, cases),
    possible: share(found.map((images) => images.some(({ right }) => right))),
    /** How much of the error of one candidate the choice takes away. */
    gain: one === 1 ? 0 : (chosen - one) / (1 - one),
    area: rankingArea(sure(all, true), sure(all, false)),
    areaWithinPrompts: within.reduce((sum, area) => sum + area, 0) / within.length,
  }
}

test.each(['one', 'background', 'two', 'position'] as const)(
  'best of 8: %s',
  async (kind) => {
    best.push(await bestOf(kind, 8))
    console.log(JSON.stringify(best.at(-1)))
  },
  hour,
)

test('written down', () => {
  const { precision, sha256, variants } = model.info
  const results = { cases, precision, sha256, variant: variants['linear bf16'], rows, best }
  const json = JSON.stringify(results, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value), 1)
  writeFileSync(path.resolve(import.meta.dirname, 'results/miniature.json'), `${json}\n`)
})
