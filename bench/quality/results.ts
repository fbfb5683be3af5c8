// The scoreboard's file, bench/results/quality.json: one row a kind, setting, weight type and device. Written after every row, so that a sweep
// can be stopped and goes on where it was.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Choice, Drawn } from './best-of.js'
import type { Score } from './measure.js'
import { json, root } from './open.js'
import type { About } from './open.js'
import type { Settings } from './settings.js'

export interface Row extends Score {
  readonly settings: Settings
  readonly seed: number
  readonly weights: string
  readonly device: string
  readonly precision: string
  readonly variant: string
  readonly commit: string
  readonly date: string
}

/** A weight type as a file. */
export type FileFacts = Pick<About, 'weights' | 'bytes' | 'fallbacks'>

export interface Results {
  /** Fingerprint of the model that rows are of, or are converted from. */
  readonly model: string
  readonly machine: Readonly<Record<string, unknown>>
  readonly files: readonly FileFacts[]
  readonly rows: readonly Row[]
  readonly best: readonly (Choice & { readonly drawn: Drawn; readonly commit: string; readonly date: string })[]
}

export const resultsFile = path.join(root, 'bench/results/quality.json')

/** What the file holds, as far as it is about this model. */
export function readResults(file: string, model: string): Results | undefined {
  if (!existsSync(file)) return undefined
  const results = JSON.parse(readFileSync(file, 'utf8')) as Results
  return results.model === model ? results : undefined
}

export function writeResults(file: string, results: Results): void {
  writeFileSync(`${file}.part`, json(results))
  renameSync(`${file}.part`, file)
}

type Way = Pick<Row, 'task' | 'kind' | 'settings' | 'weights' | 'device'>

export const sameSettings = (a: Settings, b: Settings): boolean => canonical(a) === canonical(b)

function canonical(settings: Settings): string {
  const sorted = (value: object): [string, unknown][] =>
    Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]): [string, unknown] => [key, typeof one === 'object' && one !== null ? sorted(one as object) : one])
  return JSON.stringify(sorted(settings))
}

/** The row that was measured this way, the one of most cases where there are several. */
export function findRow(rows: readonly Row[], way: Way): Row | undefined {
  const { task, kind, weights, device, settings } = way
  return rows
    .filter((row) => row.task === task && row.kind === kind && row.weights === weights && row.device === device)
    .filter((row) => sameSettings(row.settings, settings))
    .reduce<Row | undefined>((best, row) => (best && best.cases >= row.cases ? best : row), undefined)
}
