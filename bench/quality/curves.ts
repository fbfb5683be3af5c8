// The quality-speed curves of docs/quality from the rows of the results file. A line is a group of tasks: the mean over the kinds that
// were measured at every point of it, so that no point is better for having been asked easier cases.
import type { Task } from './cases.js'
import type { Plot, PlotPoint, Series } from './plot.js'
import { findRow } from './results.js'
import type { Results, Row } from './results.js'
import { axes, plain } from './sweep-points.js'
import type { Settings } from './settings.js'
import type { Axis, Point } from './sweep-points.js'
import { mean } from './statistics.js'

interface Group {
  readonly name: string
  readonly color: string
  readonly tasks: readonly Task[]
}
const groups: readonly Group[] = [
  { name: 'drawing', color: '#1b6ca8', tasks: ['generate'] },
  { name: 'editing', color: '#d1495b', tasks: ['edit'] },
  { name: 'filling', color: '#2e933c', tasks: ['inpaint', 'retouch', 'outpaint'] },
  { name: 'from and to maps', color: '#7b4fa3', tasks: ['control', 'predict'] },
  { name: 'answering', color: '#e08e1b', tasks: ['ask'] },
]

interface Measured {
  readonly point: Point
  readonly rows: readonly Row[]
}

/** The rows of every point that was measured, for the kinds that were measured at all of those. */
function measured(results: Results, axis: Axis, tasks: readonly Task[], base: string, device: string): Measured[] {
  const kinds = new Map(
    results.rows.filter(({ task }) => tasks.includes(task as Task)).map(({ task, kind }) => [`${task} ${kind}`, { task, kind }]),
  )
  const rowAt = ({ settings, type }: Point, kind: { task: string; kind: string }): Row | undefined =>
    findRow(results.rows, { ...kind, settings, weights: type ?? base, device })
  const points = (axes[axis] as readonly Point[]).map((point) => ({
    point,
    known: [...kinds].filter(([, kind]) => rowAt(point, kind)).map(([name]) => name),
  }))
  const reached = points.filter(({ known }) => known.length > 0)
  // A point with fewer kinds than the plain one's neighbours would shrink every other: kinds count that most points have.
  const common = [...kinds.keys()].filter((name) => reached.filter(({ known }) => known.includes(name)).length > reached.length / 2)
  const whole = reached.filter(({ known }) => common.every((name) => known.includes(name)))
  return common.length === 0 ? [] : whole.map(({ point }) => ({ point, rows: common.map((name) => rowAt(point, kinds.get(name)!)!) }))
}

function toPoint({ rows }: Measured, x: number, label?: string): PlotPoint {
  const error = Math.sqrt(rows.reduce((sum, row) => sum + row.error ** 2, 0)) / rows.length
  return { x, y: mean(rows.map((row) => row.marks.right)), error, ...(label !== undefined && { label }) }
}

const share = {
  label: 'right (share of the cases, ± standard error)',
  ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
  format: (v: number): string => v.toFixed(1),
}

/** "colors, single of 24 to 100 cases": what stands behind a line. */
function behind(name: string, all: readonly Measured[]): string {
  const counts = all.flatMap(({ rows }) => rows.map(({ cases }) => cases))
  const kinds = [
    ...new Set(
      all.flatMap(({ rows }) =>
        rows.map(({ task, kind }) => (task === 'generate' || task === 'edit' || task === 'ask' ? kind : `${task} ${kind}`)),
      ),
    ),
  ]
  const [low, high] = [Math.min(...counts), Math.max(...counts)]
  return `${name}: ${kinds.join(', ')} (${low === high ? low : `${low} to ${high}`} cases each)`
}

export interface Curve {
  readonly name: string
  readonly plot: Plot
  /** What every line is the mean of. */
  readonly behind: readonly string[]
}

type ToX = (one: Measured, all: readonly Measured[]) => { readonly x: number; readonly label?: string }

function curve(results: Results, base: string, device: string, axis: Axis, toX: ToX, plot: Omit<Plot, 'series' | 'y'>): Curve | undefined {
  const found = groups.map(({ name, color, tasks }) => ({ name, color, all: measured(results, axis, tasks, base, device) }))
  const drawn = found.filter(({ all }) => all.length > 1)
  if (drawn.length === 0) return undefined
  const series = drawn.map(({ name, color, all }): Series => {
    const points = all.map((one) => {
      const { x, label } = toX(one, all)
      return toPoint(one, x, label)
    })
    return { name, color, points: points.sort((a, b) => a.x - b.x) }
  })
  return {
    name: device === 'cpu' ? axis : `${axis}-${device.replace(':', '')}`,
    plot: { ...plot, y: share, series },
    behind: drawn.map(({ name, all }) => behind(name, all)),
  }
}

/** Rows that a point computes over those of the plain one, in percent. */
function cost({ rows }: Measured, all: readonly Measured[]): number {
  const exact = all.find(({ point }) => Object.keys(point.settings).length === Object.keys(plain).length) ?? all[0]!
  return (100 * mean(rows.map((row) => row.rows))) / mean(exact.rows.map((row) => row.rows))
}

const cacheLabel = ({ settings: { cache } }: Point): string => (cache ? `${cache.ratio}/${cache.warmup}/${cache.refresh}` : 'exact')

/** 0, then a step for every tenfold from 0.0001 on. */
const floorAt = ({ guidanceFloor = 0 }: Settings): number => (guidanceFloor === 0 ? 0 : 4 + Math.log10(guidanceFloor))
const floorAxis = {
  label: 'floor (share of the likeliest code)',
  ticks: [0, 1, 2, 3, 4],
  format: (at: number): string => (at === 0 ? 'off' : String(10 ** (at - 4))),
}

export function curves(results: Results, base: string, device: string): Curve[] {
  const of = (axis: Axis, toX: ToX, plot: Omit<Plot, 'series' | 'y'>): Curve | undefined => curve(results, base, device, axis, toX, plot)
  const megabytes = new Map(results.files.map(({ weights, bytes }) => [weights, bytes / 2 ** 20]))
  const percent = { ticks: [0, 20, 40, 60, 80, 100], format: (value: number): string => `${value} %` }
  const note = `the embedded miniature on ${device}`
  const found = [
    of('steps', ({ point }) => ({ x: point.settings.steps! }), {
      title: 'Steps',
      note: `${note}, exact`,
      x: { label: 'decoding steps', scale: 'log', ticks: [4, 8, 16, 32, 64] },
    }),
    of('guidance', ({ point }) => ({ x: point.settings.guidance ?? 0 }), {
      title: 'Guidance of the text',
      note: `${note}, 32 steps`,
      x: { label: 'guidance (0: one branch less to compute)', ticks: [0, 1, 2, 3, 4] },
    }),
    of('floor', ({ point: { settings } }) => ({ x: floorAt(settings) }), {
      title: 'Floor, text and pictures guiding',
      note: `${note}, 32 steps, guidance 1.5 and 1.5`,
      x: floorAxis,
    }),
    of('floorText', ({ point: { settings } }) => ({ x: floorAt(settings) }), {
      title: 'Floor, the text guiding',
      note: `${note}, 32 steps, guidance 1.5`,
      x: floorAxis,
    }),
    of('guidanceBoth', ({ point }) => ({ x: point.settings.guidanceImage ?? 0 }), {
      title: 'Guidance of text and given pictures',
      note: `${note}, 32 steps`,
      x: { label: 'guidance of either (0: two branches less to compute)', ticks: [0, 1, 2, 3, 4] },
    }),
    of('cache', (one, all) => ({ x: cost(one, all), label: cacheLabel(one.point) }), {
      title: 'ML-Cache',
      note: `${note}, 32 steps; ratio/warmup/refresh at the foot`,
      x: { label: 'rows computed, of those of exact decoding', ...percent },
      style: 'marks',
    }),
    of('reuse', (one, all) => ({ x: cost(one, all), label: one.point.settings.reuse ?? 'none' }), {
      title: 'Prefix reuse',
      note: `${note}, 32 steps`,
      x: { label: 'rows computed, of those without reuse', ...percent },
    }),
    of('threshold', ({ rows, point }) => ({ x: mean(rows.map((row) => row.steps)), label: String(point.settings.threshold ?? 'off') }), {
      title: 'Threshold decoding',
      note: `${note}, at most 32 steps; the threshold at the foot`,
      x: { label: 'steps taken', ticks: [0, 8, 16, 24, 32] },
    }),
    of('types', ({ point }) => ({ x: megabytes.get(point.type!) ?? 0, label: point.type! }), {
      title: 'Weight types',
      note: `${note}, 32 steps, exact`,
      x: { label: 'weights in MiB, the image tokenizer among them', ticks: sizeTicks([...megabytes.values()]) },
      style: 'marks',
    }),
  ]
  return found.filter((one) => one !== undefined)
}

function sizeTicks(sizes: readonly number[]): number[] {
  const step = Math.max(1, Math.ceil(Math.max(1, ...sizes) / 6))
  return Array.from({ length: 7 }, (_, i) => i * step)
}

/** Seconds a case on each device, where there are several: the mean over the kinds measured on all of them. */
export function speeds(results: Results, base: string): string {
  const devices = [...new Set(results.rows.map(({ device }) => device))].sort()
  if (devices.length < 2) return ''
  const lines = groups.flatMap(({ name, tasks }) => {
    const all = devices.map((device) => measured(results, 'plain', tasks, base, device).flatMap(({ rows }) => rows))
    const common = all[0]!.filter((row) => all.every((rows) => rows.some(({ task, kind }) => task === row.task && kind === row.kind)))
    if (common.length === 0) return []
    const seconds = all.map((rows) =>
      mean(rows.filter((row) => common.some(({ task, kind }) => task === row.task && kind === row.kind)).map((row) => row.seconds)),
    )
    return [`| ${name} | ${seconds.map((value) => value.toPrecision(2)).join(' | ')} |`]
  })
  return [
    '| seconds a case, all started together | ' + devices.join(' | ') + ' |',
    `| --- | ${devices.map(() => '---').join(' | ')} |`,
    ...lines,
  ].join('\n')
}
