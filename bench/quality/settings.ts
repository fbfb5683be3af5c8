// How a measurement is asked for on the command line: the model, the cases, and how decoding departs from the model's defaults.
import { parseArgs } from 'node:util'
import type { CacheOptions, Device, Precision, WeightType } from '../../lib/index.js'

/** What every request gets, where its task knows it; what is left out is the model's default. */
export interface Settings {
  readonly preset?: 'fast' | 'balanced' | 'best'
  readonly steps?: number
  readonly temperature?: number
  /** Of the text; for answers, of question and pictures. */
  readonly guidance?: number
  /** Of given pictures. */
  readonly guidanceImage?: number
  /** Of pictures. */
  readonly guidanceFloor?: number
  readonly cache?: CacheOptions
  /** Answers only. */
  readonly reuse?: 'prefix'
  readonly threshold?: number
}

export interface Options {
  /** Default: the embedded miniature. */
  readonly model?: string
  /** Converts the model to this type first. */
  readonly type?: WeightType
  readonly device: Device
  readonly precision: Precision
  readonly threads?: number
  readonly cases: number
  readonly seed: number
  readonly tasks?: readonly string[]
  readonly kinds?: readonly string[]
  /** A folder of case files. Default: those of the model's world. */
  readonly folder?: string
  readonly output?: string
  readonly sheet?: string
  /** Of the sheet. */
  readonly scale?: number
  readonly settings: Settings
}

export const help = `Judges what a model draws and answers, on held-out cases of the miniature's world.

  --model FILE       a .gguf file or a folder (default: the embedded miniature)
  --type TYPE        convert it to f32, f16, bf16, q8_0, q6_k, q5_k, q4_k or q4_0 first
  --device ID        cpu, cuda, cuda:1 ... (default: cpu)
  --precision P      fast or f32 (default: fast)
  --threads N        CPU threads
  --preset P         fast, balanced or best, as the model has them
  --steps N          decoding steps (default: 32, or the preset's)
  --temperature T    --guidance G    --guidance-image G    --guidance-floor F
  --cache [C]        ML-Cache; C such as ratio=0.9,warmup=0.3,refresh=5
  --reuse prefix     answers: keep what is outside the block
  --threshold T      answers: fix every token surer than T
  --tasks A,B        --kinds A,B     only these
  --cases N          held-out cases a kind (default: 100)
  --seed N           case i uses seed N + i (default: 100)
  --folder DIR       case files (default: those of the model's world)
  --output FILE      write the JSON there (default: print it)
  --sheet FILE       write a PNG to look at, eight cases a kind
  --scale N          its pixels for one of a picture of 64 (default: 2)`

export const cacheDefaults = { ratio: 0.9, warmup: 0.3, refresh: 5 } as const

/** "ratio=0.9,refresh=5"; nothing: the defaults. */
export function toCache(text: string): CacheOptions {
  const parts = text.split(',').filter(Boolean)
  const entries = parts.map((part) => {
    const found = /^(ratio|warmup|refresh)=([\d.]+)$/.exec(part)
    if (!found) throw new Error(`--cache: expected ratio=R,warmup=W,refresh=N, got '${part}'`)
    return [found[1]!, Number(found[2])] as const
  })
  return { ...cacheDefaults, ...Object.fromEntries(entries) }
}

function toNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new Error(`--${name}: expected a number, got '${text}'`)
  return value
}

const given = <T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never

const flags = [
  'model',
  'type',
  'device',
  'precision',
  'threads',
  'preset',
  'steps',
  'temperature',
  'guidance',
  'guidance-image',
  'guidance-floor',
  'cache',
  'reuse',
  'threshold',
  'tasks',
  'kinds',
  'cases',
  'seed',
  'folder',
  'output',
  'sheet',
  'scale',
] as const
type Flag = (typeof flags)[number]

/** Undefined: help was asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  // A bare --cache takes the defaults.
  const spelt = args.flatMap((arg, i) => (arg === '--cache' && (args[i + 1] ?? '--').startsWith('--') ? [arg, ''] : [arg]))
  if (spelt.includes('--help')) return undefined
  const config = Object.fromEntries(flags.map((name) => [name, { type: 'string' as const }]))
  const values = parseArgs({ args: spelt, options: config, strict: true }).values as Partial<Record<Flag, string>>
  const text = (name: Flag): string | undefined => values[name]
  const number = (name: Flag): number | undefined => toNumber(name, text(name))
  const list = (name: Flag): string[] | undefined => text(name)?.split(',')
  if (text('reuse') !== undefined && text('reuse') !== 'prefix') throw new Error(`--reuse: expected prefix, got '${text('reuse')!}'`)
  const cache = text('cache')
  return given({
    model: text('model'),
    type: text('type') as WeightType | undefined,
    device: (text('device') ?? 'cpu') as Device,
    precision: (text('precision') ?? 'fast') as Precision,
    threads: number('threads'),
    cases: number('cases') ?? 100,
    seed: number('seed') ?? 100,
    tasks: list('tasks'),
    kinds: list('kinds'),
    folder: text('folder'),
    output: text('output'),
    sheet: text('sheet'),
    scale: number('scale'),
    settings: given({
      preset: text('preset') as Settings['preset'],
      steps: number('steps') ?? (text('preset') === undefined ? 32 : undefined),
      temperature: number('temperature'),
      guidance: number('guidance'),
      guidanceImage: number('guidance-image'),
      guidanceFloor: number('guidance-floor'),
      cache: cache === undefined ? undefined : toCache(cache),
      reuse: text('reuse') as 'prefix' | undefined,
      threshold: number('threshold'),
    }),
  })
}
