// Curves and tables from the results file: docs/quality/*.svg and the page around them, and the tables of models/README.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { curves, speeds } from './curves.js'
import type { Curve } from './curves.js'
import { root } from './open.js'
import { drawPlot } from './plot.js'
import { resultsFile } from './results.js'
import type { Results } from './results.js'
import { tables } from './tables.js'
import { trainingFile, trainingPlot, trainingTable } from './training.js'
import type { Training } from './training.js'

/** A file's text with what stands between two markers replaced. */
function between(text: string, file: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`${file}: expected the markers ${begin} and ${end}, found none`)
  return `${before}${begin}\n${content}\n${end}${after}`
}

const section = ({ name, plot, behind }: Curve): string =>
  `![${plot.title}: right answers against cost](quality/${name}.svg)\n\nMeans over ${behind.join('; ')}.`

/** `check`: writes nothing, fails where a file would change. */
export function show(check: boolean): void {
  const results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results
  const base = results.files.find(({ fallbacks }) => !fallbacks)?.weights ?? 'bf16'
  const devices = [...new Set(results.rows.map(({ device }) => device))].sort()
  const found = devices.flatMap((device) => curves(results, base, device))
  const folder = path.join(root, 'docs/quality')
  const [page, readme] = [path.join(root, 'docs/quality.md'), path.join(root, 'models/README.md')]
  const training = JSON.parse(readFileSync(trainingFile, 'utf8')) as Training
  const sections = `\n${[...found.map(section), speeds(results, base)].filter(Boolean).join('\n\n')}\n`
  const learnt = `\n![Right answers against tokens seen](quality/training.svg)\n\n${trainingTable(training)}\n`
  const files = new Map([
    ...found.map(({ name, plot }): [string, string] => [path.join(folder, `${name}.svg`), drawPlot(plot)]),
    [path.join(folder, 'training.svg'), drawPlot(trainingPlot(training))],
    [page, between(between(readFileSync(page, 'utf8'), page, 'curves', sections), page, 'training', learnt)],
    [readme, between(readFileSync(readme, 'utf8'), readme, 'scores', tables(results, base))],
  ])
  if (!check) mkdirSync(folder, { recursive: true })
  for (const [file, text] of files) {
    if (!check) writeFileSync(file, text)
    else if (readFileSync(file, 'utf8') !== text)
      throw new Error(`${path.relative(root, file)}: expected what bench/results/quality.json says, run node bench/quality/show.mjs`)
  }
}
