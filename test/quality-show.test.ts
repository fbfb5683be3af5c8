// What the scoreboard shows is what it measured: options, the results file, curves, plots.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { curves, speeds } from '../bench/quality/curves.js'
import { drawPlot } from '../bench/quality/plot.js'
import { findRow, resultsFile } from '../bench/quality/results.js'
import type { Results, Row } from '../bench/quality/results.js'
import { parseOptions } from '../bench/quality/settings.js'
import type { Settings } from '../bench/quality/settings.js'
import { show } from '../bench/quality/show.js'
import { axes, plain, types } from '../bench/quality/sweep-points.js'
import { trainingTable, wanted } from '../bench/quality/training.js'
import type { Training } from '../bench/quality/training.js'

function row(kind: string, right: number, settings: Settings = plain, more: Partial<Row> = {}): Row {
  const facts = { task: 'generate', cases: 40, error: 0.05, chance: 0, steps: settings.steps!, rows: 1000, seconds: 1, seed: 1 }
  const where = { weights: 'bf16', device: 'cpu', precision: 'fast', variant: '', commit: '', date: '' }
  return { ...facts, ...where, kind, marks: { right }, settings, ...more }
}
const resultsOf = (rows: readonly Row[]): Results => ({ model: '', machine: {}, files: [], rows, best: [] })

test('flags are read, a bare --cache takes the defaults, and what is unknown is refused', () => {
  const options = parseOptions([
    '--device',
    'cuda:0',
    '--cache',
    '--threshold',
    '.9',
    '--guidance',
    '0',
    '--cases',
    '7',
    '--tasks',
    'edit,style',
  ])!
  expect(options.settings).toEqual({ steps: 32, guidance: 0, threshold: 0.9, cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } })
  expect([options.device, options.cases, options.tasks]).toEqual(['cuda:0', 7, ['edit', 'style']])
  expect(parseOptions(['--cache', 'ratio=0.5', '--reuse', 'prefix'])!.settings.cache).toEqual({ ratio: 0.5, warmup: 0.3, refresh: 5 })
  expect(parseOptions(['--help'])).toBeUndefined()
  expect(() => parseOptions(['--stepz', '4'])).toThrow(/stepz/)
  expect(() => parseOptions(['--steps', 'many'])).toThrow("--steps: expected a number, got 'many'")
  expect(() => parseOptions(['--cache', 'ratio:1'])).toThrow("--cache: expected ratio=R,warmup=W,refresh=N, got 'ratio:1'")
})

test('a row is found by everything that it was measured with', () => {
  const cached = { ...plain, cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } }
  const rows = [
    row('colors', 0.5),
    row('colors', 0.6, plain, { cases: 100 }),
    row('colors', 0.7, cached),
    row('colors', 0.8, plain, { device: 'cuda:0' }),
  ]
  const find = (settings: Settings, more: Partial<Row> = {}): number | undefined =>
    findRow(rows, { task: 'generate', kind: 'colors', weights: 'bf16', device: 'cpu', settings, ...more })?.marks.right
  expect(find(plain)).toBe(0.6) // of most cases
  expect(find({ cache: { refresh: 5, warmup: 0.3, ratio: 0.9 }, steps: 32 })).toBe(0.7)
  expect(find(plain, { device: 'cuda:0' })).toBe(0.8)
  expect([find({ steps: 16 }), find(plain, { weights: 'q8_0' })]).toEqual([undefined, undefined])
})

test('every axis departs from the plain setting, and no point comes twice', () => {
  const canonical = (settings: Settings, type?: string): string => JSON.stringify([Object.entries(settings).sort(), type])
  for (const [axis, points] of Object.entries(axes)) {
    const keys = points.map((point: { settings: Settings; type?: string }) => canonical(point.settings, point.type))
    expect(new Set(keys).size, axis).toBe(keys.length)
  }
  expect(axes.steps.map(({ settings }) => settings.steps)).toEqual(expect.arrayContaining([4, 8, 16, 32, 64]))
  expect(axes.types.map(({ type }) => type)).toEqual([...types])
})

test('a line is the mean over kinds that were measured at all of its points', () => {
  const at = (steps: number): Settings => ({ ...plain, steps })
  const rows = [4, 16, 32].flatMap((steps) => [row('colors', steps / 100, at(steps)), row('single', 0.5, at(steps))])
  const [steps, ...others] = curves(resultsOf([...rows, row('word', 1)]), 'bf16', 'cpu')
  expect(others).toEqual([])
  const [line] = steps!.plot.series
  expect(line!.points.map(({ x, y }) => [x, Number(y.toFixed(6))])).toEqual([
    [4, 0.27],
    [16, 0.33],
    [32, 0.41],
  ])
  expect(line!.points[0]!.error).toBeCloseTo(0.05 / Math.sqrt(2), 6)
  expect(steps!.behind).toEqual(['drawing: colors, single (40 cases each)'])
  const svg = drawPlot(steps!.plot)
  expect(svg).toContain('decoding steps')
  expect(svg.match(/<circle/g)).toHaveLength(4) // three points and the legend
  // The axis ends are the first and the last tick: 4 at the left, 16 in the middle of 4 and 64.
  expect([...svg.matchAll(/<circle cx="([\d.]+)"/g)].slice(0, 2).map(([, x]) => Number(x))).toEqual([64, 327])
})

test('devices are compared over the kinds that both have', () => {
  const rows = [
    row('colors', 0.5),
    row('single', 0.5, plain, { seconds: 9 }),
    row('colors', 0.5, plain, { device: 'cuda:0', seconds: 0.1 }),
  ]
  expect(speeds(resultsOf(rows), 'bf16')).toContain('| drawing | 1.0 | 0.10 |')
  expect(speeds(resultsOf(rows.slice(0, 2)), 'bf16')).toBe('')
})

test('tokens that a target wants are where the line of what was learnt meets it', () => {
  const learnt = (kind: string, shares: readonly number[]): Training['models'] =>
    shares.map((right, i) => ({ name: `${i}`, millions: 10 * 2 ** i, sha256: '', rows: [{ task: 'edit', kind, cases: 1e6, right }] }))
  const training = (models: Training['models']): Training => ({
    settings: plain as Record<string, unknown>,
    seed: 1,
    targets: { 'edit add': 0.8, 'edit remove': 0.8 },
    models,
  })
  const odds = (times: number): number => times / (1 + times)
  // The odds double with the tokens: 1, 2 at 20 million, 4 (.8) at 40.
  expect(wanted(training(learnt('add', [odds(1), odds(2)])), 'edit add')).toBeCloseTo(40, 2)
  expect(wanted(training(learnt('add', [0.5, 0.5])), 'edit add')).toBeUndefined()
  expect(trainingTable(training(learnt('add', [odds(1), odds(2)])))).toContain('| edit add | 0.50 | 0.67 | 0.80 | 40 |')
  expect(trainingTable(training(learnt('remove', [0.9, 0.85])))).toContain('| 0.80 | reached |')
})

test('the plots and tables in the docs are those of the results file', () => {
  expect(() => show(true)).not.toThrow()
  const { rows } = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results
  expect(rows.length).toBeGreaterThan(20)
  expect(readFileSync(path.resolve(import.meta.dirname, '../models/README.md'), 'utf8')).toContain('| generate: colors |')
})
