// What a newcomer sees: pictures of the embedded model, judged from their pixels against the scores of its README
// (models/README.md), each category within two standard deviations of both samples.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel } from '../lib/index.js'
import type { DimooModel } from '../lib/index.js'
import { detect, judge } from './world/detect.js'
import { randomFrom, samplePrompt } from './world/scene.js'
import type { Kind } from './world/scene.js'

const judged = 25 // pictures a category behind the README's scores
const scores: Readonly<Record<Kind, { right: number; colors: number }>> = {
  one: { right: 0.96, colors: 1 },
  background: { right: 0.92, colors: 0.96 },
  two: { right: 0.2, colors: 0.64 },
  counting: { right: 0.16, colors: 0.24 },
  position: { right: 0.2, colors: 0.72 },
}
const prompts = 12 // a category: 60 in all

let model: DimooModel
beforeAll(async () => {
  model = await loadModel()
})
afterAll(() => model.close())

function atLeast(score: number): number {
  const deviation = Math.sqrt(Math.max(score * (1 - score), 0.02) * (1 / judged + 1 / prompts))
  return score - 2 * deviation
}

test.each(Object.keys(scores) as Kind[])('%s', async (kind) => {
  const random = randomFrom(77)
  const asked = Array.from({ length: prompts }, () => samplePrompt(random, kind))
  const verdicts = await Promise.all(
    asked.map(async (prompt, i) => {
      const result = await model.generate({ prompt: prompt.text, seed: 100 + i }, { delivery: 'none' }).result()
      return judge(prompt, detect(result.image.data))
    }),
  )
  const share = (yes: (verdict: (typeof verdicts)[0]) => boolean): number => verdicts.filter(yes).length / prompts
  const found = { right: share((v) => (kind === 'position' ? v.right : v.things)), colors: share((v) => v.colors) }
  console.log(`miniature ${kind}: right ${found.right.toFixed(2)}, colours and count ${found.colors.toFixed(2)}`)
  expect(found.right).toBeGreaterThanOrEqual(atLeast(scores[kind].right))
  expect(found.colors).toBeGreaterThanOrEqual(atLeast(scores[kind].colors))
})
