// The tables of models/README.md from the rows of the results file: every task exactly and with each approximation, best of n, weight types.
import { findRow } from './results.js'
import type { Results, Row } from './results.js'
import type { Settings } from './settings.js'
import { cacheDefaults } from './settings.js'
import { isAnswer, plain, types } from './sweep-points.js'
import { mean, standardError } from './statistics.js'

const two = (share: number | undefined): string => (share === undefined || Number.isNaN(share) ? '' : share.toFixed(2))
const percent = (share: number | undefined): string => (share === undefined ? '' : `${Math.round(share * 100)} %`)
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], body: readonly string[][]): string =>
  [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')

type Find = (row: Row, settings: Settings) => Row | undefined

const cached: Settings = { ...plain, cache: cacheDefaults }

const byRule = ({ rule }: Row): string => (rule === undefined ? '' : rule.right === 0 ? '0.00' : `${two(rule.right)} ${rule.rule}`)

function pictureLine(row: Row, find: Find): string[] {
  const cache = find(row, cached)
  const { marks, error, chance, ceiling, cases, task, kind } = row
  return [
    `${task}: ${kind}`,
    `${two(marks.right)} ± ${two(error)}`,
    String(cases),
    two(marks.overlap),
    cache ? `${two(cache.marks.right)} (${cache.cases})` : '',
    percent(cache && cache.rows / row.rows),
    two(chance),
    byRule(row),
    two(ceiling),
  ]
}

function answerLine(row: Row, find: Find): string[] {
  const [cache, prefix, threshold] = [cached, { ...plain, reuse: 'prefix' as const }, { ...plain, threshold: 0.9 }].map((settings) =>
    find(row, settings),
  )
  const { marks, error, chance, cases, task, kind } = row
  return [
    `${task}: ${kind}`,
    `${two(marks.right)} ± ${two(error)}`,
    String(cases),
    two(cache?.marks.right),
    two(prefix?.marks.right),
    percent(prefix && prefix.rows / row.rows),
    two(threshold?.marks.right),
    percent(threshold && 1 - threshold.steps / row.steps),
    two(chance),
    byRule(row),
  ]
}

/** All edits as one line. */
function together(rows: readonly Row[]): Row[] {
  const edits = rows.filter(({ task }) => task === 'edit')
  if (edits.length === 0) return []
  const cases = edits.reduce((sum, row) => sum + row.cases, 0)
  const right = mean(edits.map(({ marks }) => marks.right))
  return [
    {
      ...edits[0]!,
      kind: 'all kinds',
      cases,
      marks: { right },
      error: standardError(right, cases),
      chance: mean(edits.map(({ chance }) => chance)),
    },
  ]
}

const pictureHead = [
  'pictures',
  'right',
  'cases',
  'overlap',
  'with ML-Cache (cases)',
  'rows it computes',
  'by chance',
  'by a rule',
  'tokenizer alone',
]
const answerHead = [
  'answers',
  'right',
  'cases',
  'with ML-Cache',
  'with prefix reuse',
  'rows it computes',
  'with `threshold: 0.9`',
  'steps it saves',
  'by chance',
  'by a rule',
]
const choiceHead = [
  'best of 8',
  'one candidate',
  'the one it chooses',
  'one of them is right',
  'error it takes away',
  'ranks right over wrong (AUC)',
  'within a prompt',
  'drawn pictures under their own or another prompt (AUC)',
  'of the same picture',
]

function choices({ best }: Results): string {
  const body = best.map((row) => [
    row.kind,
    two(row.one),
    `${two(row.chosen)} ± ${two(row.error)}`,
    two(row.possible),
    percent(row.gain),
    two(row.area),
    two(row.areaWithinPrompts),
    two(row.drawn.area),
    two(row.drawn.areaSamePicture),
  ])
  return table(choiceHead, body)
}

/** How each weight type does on the kinds that were measured for all of them. */
function weightTypes(results: Results, base: string, device: string): string {
  const kinds = results.rows.filter((row) => row.weights === base && row.device === device)
  const names = [...new Map(kinds.map(({ task, kind }) => [`${task}: ${kind}`, { task, kind }]))]
  const of = (weights: string, way: { task: string; kind: string }): Row | undefined =>
    findRow(results.rows, { ...way, settings: plain, weights, device })
  const shown = types.filter((type) => results.files.some(({ weights }) => weights === type))
  const common = names.filter(([, way]) => shown.every((type) => of(type, way)))
  if (shown.length < 2 || common.length === 0) return ''
  const body = shown.map((type) => {
    const { bytes, fallbacks = {} } = results.files.find(({ weights }) => weights === type)!
    const rows = common.map(([, way]) => of(type, way)!)
    const others = Object.entries(fallbacks).map(([name, count]) => `${count} x ${name}`)
    return [
      type,
      (bytes / 2 ** 20).toFixed(1),
      others.join(', '),
      two(mean(rows.map(({ marks }) => marks.right))),
      ...rows.map((row) => `${two(row.marks.right)} ± ${two(row.error)}`),
    ]
  })
  const cases = [...new Set(common.map(([, way]) => of(shown[0]!, way)!.cases))].join(', ')
  return table([`weights (${cases} cases a figure)`, 'MiB', 'tensors of another type', 'mean', ...common.map(([name]) => name)], body)
}

export function tables(results: Results, base: string): string {
  const device = 'cpu'
  const find: Find = ({ task, kind }, settings) => findRow(results.rows, { task, kind, settings, weights: base, device })
  const seen = new Map(results.rows.map((row) => [`${row.task} ${row.kind}`, row]))
  const rows = [...seen.values()].flatMap((row) => find(row, plain) ?? [])
  const pictures = rows.filter(({ task }) => !isAnswer(task as 'chat'))
  const edits = pictures.findIndex(({ task }) => task === 'edit')
  const listed = [...pictures.slice(0, edits), ...together(pictures), ...pictures.slice(edits)]
  const answers = rows.filter(({ task }) => isAnswer(task as 'chat'))
  const parts = [
    "32 steps, exact unless said, on the CPU; ± the standard error; right: everything that was asked for and nothing else changed; by chance: another case's answer; by a rule: the best of those that look at little or nothing; tokenizer alone: the right picture, encoded and decoded.",
    table(
      pictureHead,
      (edits < 0 ? pictures : listed).map((row) => pictureLine(row, find)),
    ),
    table(
      answerHead,
      answers.map((row) => answerLine(row, find)),
    ),
    weightTypes(results, base, device),
    results.best.length > 0 ? choices(results) : '',
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}
