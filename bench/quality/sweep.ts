// Measures every point of the asked-for axes that the results file does not hold yet, each with so many cases a kind.
import { parseArgs } from 'node:util'
import type { WeightType } from '../../lib/index.js'
import type { CaseFile } from './cases.js'
import { ceilingOf, measure } from './measure.js'
import { commit, machine, open, today } from './open.js'
import type { About } from './open.js'
import { findRow, readResults, resultsFile, sameSettings, writeResults } from './results.js'
import type { Results, Row } from './results.js'
import { ruleOf } from './rules.js'
import { axes, concerns, plain } from './sweep-points.js'
import type { Axis, Point } from './sweep-points.js'

const help = `Measures what bench/results/quality.json does not hold yet; may be stopped at any time.

  --axes A,B        ${Object.keys(axes).join(', ')} (default: all)
  --cases N         cases a kind (default: 100); a row of at least as many is not measured again
  --tasks A,B       --kinds A,B, or TASK:KIND,TASK:KIND       only these
  --device ID       cpu, cuda ... (default: cpu)
  --model FILE      (default: the embedded miniature)
  --results FILE    another results file`

interface Wanted {
  readonly axes: readonly Axis[]
  readonly cases: number
  readonly wants: (file: CaseFile) => boolean
  readonly device: 'cpu' | 'cuda'
  readonly model?: string
  readonly results: string
}

function parse(args: readonly string[]): Wanted | undefined {
  const names = ['axes', 'cases', 'tasks', 'kinds', 'device', 'model', 'results'] as const
  const options = Object.fromEntries(
    [...names, 'help'].map((name) => [name, { type: name === 'help' ? ('boolean' as const) : ('string' as const) }]),
  )
  const values = parseArgs({ args: [...args], options, strict: true }).values as Partial<Record<(typeof names)[number] | 'help', string>>
  if (values.help) return undefined
  const asked = (values.axes?.split(',') ?? Object.keys(axes)) as Axis[]
  const unknown = asked.find((axis) => !(axis in axes))
  if (unknown) throw new Error(`--axes: expected ${Object.keys(axes).join(', ')}, got '${unknown}'`)
  const [tasks, kinds] = [values.tasks?.split(','), values.kinds?.split(',')]
  return {
    axes: asked,
    cases: Number(values.cases ?? 100),
    wants: ({ task, kind }) =>
      (tasks?.includes(task) ?? true) && (kinds === undefined || kinds.includes(kind) || kinds.includes(`${task}:${kind}`)),
    device: (values.device ?? 'cpu') as Wanted['device'],
    ...(values.model !== undefined && { model: values.model }),
    results: values.results ?? resultsFile,
  }
}

/** Points of all axes by the weight type that they need; each setting once. */
function byType(wanted: Wanted): Map<WeightType | undefined, { point: Point; axis: Axis }[]> {
  const found = new Map<WeightType | undefined, { point: Point; axis: Axis }[]>()
  for (const axis of wanted.axes)
    for (const point of axes[axis] as readonly Point[]) {
      const list = found.get(point.type) ?? []
      found.set(point.type, [...list, { point, axis }])
    }
  return found
}

const seed = 100

/** Rows under the weights of a file; the base model's own type is the base model. */
async function sweepFile(
  wanted: Wanted,
  type: WeightType | undefined,
  points: readonly { point: Point; axis: Axis }[],
  results: Results,
): Promise<Results> {
  const { device, model: source } = wanted
  const { model, files, about, close } = await open({ device, precision: 'fast', ...(source && { model: source }), ...(type && { type }) })
  let now: Results = { ...results, files: [...results.files.filter((file) => file.weights !== about.weights), facts(about)] }
  for (const { point, axis } of points)
    for (const file of files) {
      if (!wanted.wants(file) || !concerns(point.settings, file.task)) continue
      const cases = Math.min(wanted.cases, file.cases.length)
      const known = findRow(now.rows, {
        task: file.task,
        kind: file.kind,
        settings: point.settings,
        weights: about.weights,
        device: about.device,
      })
      if (known && known.cases >= cases) continue
      const { score } = await measure(model, file, point.settings, cases, seed)
      const asked = file.cases.slice(0, cases)
      const bounds = sameSettings(point.settings, plain) && !type ? { ceiling: await ceilingOf(model, asked), rule: ruleOf(asked) } : {}
      const { weights, precision, variant } = about
      const row: Row = {
        ...score,
        ...bounds,
        settings: point.settings,
        seed,
        weights,
        device: about.device,
        precision,
        variant,
        commit: commit(),
        date: today(),
      }
      now = { ...now, machine: machine(), rows: [...now.rows.filter((old) => old !== known), row] }
      writeResults(wanted.results, now)
      console.error(
        `${axis} ${type ?? ''} ${JSON.stringify(point.settings)} ${row.task} ${row.kind}: ${row.marks.right.toFixed(2)} +- ${row.error.toFixed(2)} of ${cases}`,
      )
    }
  writeResults(wanted.results, now)
  await close()
  return now
}

const facts = ({ weights, bytes, fallbacks }: About): Results['files'][0] => ({ weights, bytes, ...(fallbacks && { fallbacks }) })

export async function sweep(args: readonly string[]): Promise<void> {
  const wanted = parse(args)
  if (!wanted) {
    console.log(help)
    return
  }
  const base = await open({ device: wanted.device, precision: 'fast', ...(wanted.model && { model: wanted.model }) })
  const { about } = base
  await base.close()
  let results = readResults(wanted.results, about.sha256) ?? { model: about.sha256, machine: machine(), files: [], rows: [], best: [] }
  for (const [type, points] of byType(wanted)) results = await sweepFile(wanted, type === about.weights ? undefined : type, points, results)
}
