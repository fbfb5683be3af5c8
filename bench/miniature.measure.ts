// What the embedded model can do, task by task (models/README.md): held-out cases judged from pixels or exact answers, exactly computed
// and with every approximation beside it. Writes bench/results/miniature.json; bench/miniature-table.mjs makes the tables from it.
//   npx vitest run --config bench/vitest.config.ts bench/miniature.measure.ts
//   npx vitest run --config bench/vitest.config.ts bench/miniature.measure.ts -t '(retouch|written down)'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { loadModel } from '../lib/index.js'
import type { DimooModel } from '../lib/index.js'
import { bestOf, drawnPictures } from '../test/world/best-of.js'
import type { Choice, Drawn } from '../test/world/best-of.js'
import type { Kind } from '../test/world/scene.js'
import { score } from '../test/world/score.js'
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
const best: Choice[] = []
const drawn: Drawn[] = []
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

const bestKinds: readonly Kind[] = ['one', 'background', 'two', 'position', 'counting']
test.each(bestKinds)(
  'best of 8: %s',
  async (kind) => {
    best.push(await bestOf(model, kind, cases, 8, seed))
    console.log(JSON.stringify(best.at(-1)))
  },
  hour,
)

test.each(bestKinds)(
  'drawn pictures, redrawn: %s',
  async (kind) => {
    drawn.push(await drawnPictures(model, kind, cases, seed))
    console.log(JSON.stringify(drawn.at(-1)))
  },
  hour,
)

// A run of some rows (-t) replaces those and keeps the others, where they were measured on the same model in the same way.
test('written down', () => {
  const file = path.resolve(import.meta.dirname, 'results/miniature.json')
  const { precision, sha256, variants } = model.info
  const way = { cases, precision, sha256, variant: variants['linear bf16'] }
  const known = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as typeof way & { rows?: typeof rows; best?: Choice[]; drawn?: Drawn[] })
    : undefined
  const same = Object.entries(way).every(([key, value]) => known?.[key as keyof typeof way] === value)
  const old = same ? known : undefined
  const measured = trials.flatMap(({ task, kind }) => {
    const is = (row: (typeof rows)[0]): boolean => row.task === task && row.kind === kind
    return rows.find(is) ?? old?.rows?.find(is) ?? []
  })
  const ofKind = <Row extends { kind: Kind }>(list: Row[], known: Row[] = []): Row[] =>
    bestKinds.flatMap((kind) => list.find((row) => row.kind === kind) ?? known.find((row) => row.kind === kind) ?? [])
  const results = { ...way, rows: measured, best: ofKind(best, old?.best), drawn: ofKind(drawn, old?.drawn) }
  const json = JSON.stringify(results, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value), 1)
  writeFileSync(file, `${json}\n`)
})
