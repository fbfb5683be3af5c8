// Measures best of n on the kinds of text to image and puts it into the results file.
import { bestOf, drawnPictures } from './best-of.js'
import { commit, open, today } from './open.js'
import { readResults, resultsFile, writeResults } from './results.js'

export const choiceKinds = ['colors', 'background', 'two', 'position', 'counting'] as const
const [prompts, candidates, seed] = [60, 8, 100]

export async function choose(kinds: readonly string[]): Promise<void> {
  const { model, files, about, close } = await open({ device: 'cpu', precision: 'fast' })
  for (const kind of kinds.length > 0 ? kinds : choiceKinds) {
    const file = files.find((one) => one.task === 'generate' && one.kind === kind)
    if (!file) throw new Error(`expected a kind of generate, got '${kind}'`)
    const choice = await bestOf(model, file, prompts, candidates, seed)
    const drawn = await drawnPictures(model, file, prompts, seed)
    const results = readResults(resultsFile, about.sha256)
    if (!results) throw new Error('bench/results/quality.json: expected rows of this model, run bench/quality/sweep.mjs first')
    const best = [...results.best.filter((old) => old.kind !== kind), { ...choice, drawn, commit: commit(), date: today() }]
    writeResults(resultsFile, { ...results, best })
    console.error(JSON.stringify(best.at(-1)))
  }
  await close()
}
