// Writes the tables of the embedded model's scores into models/README.md, between its markers, from bench/results/miniature.json.
//   node bench/miniature-table.mjs [--check]     --check: writes nothing, fails when the tables there are others
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const file = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const { rows, best, drawn, cases } = JSON.parse(readFileSync(file('bench/results/miniature.json'), 'utf8'))
// What its makers measured with a plain PyTorch decoder, 25 cases a figure, questions and edits mixed.
const makers = {
  'text-to-image one': 0.96,
  'text-to-image background': 0.92,
  'text-to-image two': 0.2,
  'text-to-image position': 0.2,
  'text-to-image counting': 0.16,
  'understand mixed, one object': 0.68,
  'edit all kinds': 0.28,
}

const two = (share) => (share ?? NaN).toFixed(2)
const percent = (share) => `${Math.round(share * 100)} %`
const measured = (score) => `${two(score.marks.right)} ± ${two(score.error)}`
const line = (cells) => `| ${cells.join(' | ')} |`
const table = (head, body) => [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')

/** Several rows as one, with the error of their mean. */
function together(task, kind, list) {
  const mean = (value) => list.reduce((sum, row) => sum + value(row), 0) / list.length
  const of = (name) => ({
    marks: { right: mean((row) => row.scores[name].marks.right) },
    error: Math.sqrt(mean((row) => row.scores[name].error ** 2) / list.length),
    chance: mean((row) => row.scores[name].chance),
    rows: mean((row) => row.scores[name].rows),
  })
  return { task, kind, text: list[0].text, scores: { exact: of('exact'), cache: of('cache') } }
}

const each = rows.filter(({ task, kind }) => task === 'edit' && !kind.startsWith('mixed'))
const shown = rows.flatMap((row) => (row === each[0] ? [together('edit', 'all kinds', each), row] : [row]))
const theirs = ({ task, kind }) => (makers[`${task} ${kind}`] === undefined ? '' : two(makers[`${task} ${kind}`]))
const pictures = table(
  ['pictures', 'right', 'with ML-Cache', 'rows it computes', 'by chance', 'makers'],
  shown
    .filter(({ text }) => !text)
    .map((row) => {
      const { exact, cache } = row.scores
      return [
        `${row.task}: ${row.kind}`,
        measured(exact),
        two(cache.marks.right),
        percent(cache.rows / exact.rows),
        two(exact.chance),
        theirs(row),
      ]
    }),
)
const texts = table(
  [
    'answers',
    'right',
    'with ML-Cache',
    'with prefix reuse',
    'rows it computes',
    'with `threshold: 0.9`',
    'steps it saves',
    'by chance',
    'makers',
  ],
  rows
    .filter(({ text }) => text)
    .map((row) => {
      const { exact, cache, prefix, threshold } = row.scores
      return [
        `${row.task}: ${row.kind}`,
        measured(exact),
        two(cache.marks.right),
        two(prefix.marks.right),
        percent(prefix.rows / exact.rows),
        two(threshold.marks.right),
        percent(1 - threshold.steps / exact.steps),
        two(exact.chance),
        theirs(row),
      ]
    }),
)
const choices = table(
  [
    'best of 8',
    'one candidate',
    'the one it chooses',
    'one of them is right',
    'error it takes away',
    'ranks right over wrong (AUC)',
    'within a prompt',
    'drawn pictures under their own or another prompt (AUC)',
    'of the same picture',
  ],
  best
    .map((row) => ({ row, pictures: drawn.find(({ kind }) => kind === row.kind) }))
    .map(({ row, pictures }) => [
      row.kind,
      two(row.one),
      `${two(row.chosen)} ± ${two(row.error)}`,
      two(row.possible),
      percent(row.gain),
      two(row.area),
      two(row.areaWithinPrompts),
      two(pictures?.area),
      two(pictures?.areaSamePicture),
    ]),
)

const readme = file('models/README.md')
const [begin, end] = ['<!-- scores -->', '<!-- end of scores -->']
const text = readFileSync(readme, 'utf8')
const [before, rest] = text.split(begin)
const after = rest?.split(end)[1]
if (after === undefined) throw new Error(`models/README.md: expected the markers ${begin} and ${end}, found none`)
const note = `${cases} held-out cases a row, ± the standard error; right: everything that was asked for; by chance: another case's answer.`
const written = `${before}${begin}\n${[note, pictures, texts, choices].join('\n\n')}\n${end}${after}`
if (!process.argv.includes('--check')) writeFileSync(readme, written)
else if (written !== text)
  throw new Error('models/README.md: expected the tables of bench/results/miniature.json, run node bench/miniature-table.mjs')
