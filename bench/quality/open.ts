// Opens what is to be measured: the built package, a model of the wanted weight type, the cases of its world; and says what it was.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type * as Package from '../../lib/index.js'
import { readCases, worlds } from './cases.js'
import type { CaseFile } from './cases.js'
import type { Options } from './settings.js'

export const root = path.resolve(import.meta.dirname, '../..')

export interface Opened {
  readonly model: Package.DimooModel
  readonly files: readonly CaseFile[]
  /** What stands beside every figure. */
  readonly about: About
  readonly close: () => Promise<void>
}

export interface About {
  readonly model: string
  readonly sha256: string
  readonly weights: string
  /** Bytes of the weights. */
  readonly bytes: number
  /** With `type`: tensors that got another one, by type. */
  readonly fallbacks?: Readonly<Record<string, number>>
  readonly precision: string
  readonly device: string
  readonly variant: string
}

/** The embedded model's file, for conversions. */
export const embedded = path.join(root, 'models/miniature.gguf')

export async function open(options: Pick<Options, 'model' | 'type' | 'device' | 'precision' | 'threads' | 'folder'>): Promise<Opened> {
  const dimoo = (await import(path.join(root, 'dist/index.js'))) as typeof Package
  const { device, precision, threads, type } = options
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'dimoo-quality-'))
  const remove = (): void => rmSync(scratch, { recursive: true })
  try {
    const converted = path.join(scratch, `${type}.gguf`)
    const report = type && (await dimoo.convert(options.model ?? embedded, converted, { type }))
    const source = report ? converted : options.model
    const model = await dimoo.loadModel(source, { device, precision, ...(threads !== undefined && { threads }) })
    const info = await model.info()
    const files = readCases(options.folder ?? path.join(import.meta.dirname, 'cases', worldOf(info.scale)))
    const about = {
      model: path.basename(options.model ?? embedded),
      sha256: info.sha256,
      weights: type ?? info.weights,
      bytes: info.bytes.weights,
      ...(report && { fallbacks: count(report.fallbacks.map((one) => one.type)) }),
      precision: info.precision,
      device: info.device.id,
      variant: info.variants[`linear ${info.weights}`] ?? info.variants['linear int8'] ?? '',
    }
    return { model, files, about, close: () => model.close().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

function worldOf(scale: number): string {
  const name = (worlds as Readonly<Record<number, string>>)[scale]
  if (name === undefined) throw new Error(`expected a model with image cells of ${Object.keys(worlds).join(' or ')} pixels, got ${scale}`)
  return name
}

function count(names: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const name of names) found[name] = (found[name] ?? 0) + 1
  return found
}

export function machine(): Readonly<Record<string, unknown>> {
  return {
    cpu: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    platform: `${os.platform()}-${os.arch()}`,
    loadAverage: os.loadavg()[0],
  }
}

export function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
}

export const today = (): string => new Date().toISOString().slice(0, 10)

/** Numbers to four digits: what a share of a few hundred cases is worth. */
export const json = (value: unknown): string =>
  `${JSON.stringify(value, (_, one: unknown) => (typeof one === 'number' ? Number(one.toPrecision(5)) : one), 1)}\n`
