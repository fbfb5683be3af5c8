// The embedded model's scores (models/README.md): 80 prompts a category, judged from pixels, written to bench/results/miniature.json.
//   npx vitest run --config bench/vitest.config.ts
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'vitest'
import { loadModel } from '../lib/index.js'
import { detect, judge } from '../test/world/detect.js'
import { randomFrom, samplePrompt } from '../test/world/scene.js'
import type { Kind } from '../test/world/scene.js'

const kinds: readonly Kind[] = ['one', 'background', 'two', 'position', 'counting']
const prompts = 80

test('scores', async () => {
  const model = await loadModel()
  const scores: Record<string, { right: number; things: number; colors: number }> = {}
  for (const kind of kinds) {
    const random = randomFrom(4242)
    const asked = Array.from({ length: prompts }, () => samplePrompt(random, kind))
    const verdicts = await Promise.all(
      asked.map(async (prompt, i) => {
        const { image } = await model.generate({ prompt: prompt.text, seed: 100 + i }, { delivery: 'none' }).result()
        return judge(prompt, detect(image.data))
      }),
    )
    const share = (key: 'right' | 'things' | 'colors'): number => verdicts.filter((verdict) => verdict[key]).length / prompts
    scores[kind] = { right: share('right'), things: share('things'), colors: share('colors') }
  }
  const { precision, sha256, variants } = model.info
  const results = { prompts, precision, sha256, variant: variants['linear bf16'], scores }
  writeFileSync(path.resolve(import.meta.dirname, 'results/miniature.json'), `${JSON.stringify(results, null, 2)}\n`)
  console.log(JSON.stringify(results))
  await model.close()
})
