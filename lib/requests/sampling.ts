// What every task can be told about sampling, and how defaults are filled in. Pure: no addon, no clock; the seed's randomness comes
// from node:crypto.
import { randomBytes } from 'node:crypto'
import { invalid } from '../base/errors.js'
import * as validate from '../fields/validate.js'

export const MAX_STEPS = 4096

/** Share of the cells that stay masked, by the share of the steps that are done (0 to 1); must return 0 to 1. */
export type ScheduleFunction = (progress: number) => number

/** ML-Cache: which rows are computed again in a step (docs/model.md#ml-cache). */
export interface CacheOptions {
  /** Share of the rows that are not computed again, 0 to 1. Default 0.9. */
  readonly ratio?: number
  /** Share of the steps at the start that compute everything, 0 to 1. Default 0.3. */
  readonly warmup?: number
  /** Everything is computed again each so many steps, 1 to 4096. Default 5. */
  readonly refresh?: number
}

/** Sampling of every task. */
export interface CommonOptions {
  /** Decoding steps, 1 to 4096. Each is one forward pass. */
  readonly steps?: number
  /** 0 always takes the likeliest; 0 to 10. */
  readonly temperature?: number
  /** Same seed, same result; every integer from 0 to 2^64 - 1 is a seed. Omitted: chosen at random and reported. */
  readonly seed?: number | bigint
  /** ML-Cache, faster and approximate; true: ratio 0.9, warmup 0.3, refresh 5. Default false. */
  readonly cache?: boolean | CacheOptions
}

/** Sampling of the picture tasks. */
export interface SamplingOptions extends CommonOptions {
  /** How many cells stay masked after each step. Default 'cosine'. */
  readonly schedule?: 'cosine' | 'linear' | ScheduleFunction
}

export interface ResolvedCache {
  readonly ratio: number
  readonly warmup: number
  readonly refresh: number
}

export interface ResolvedSampling {
  readonly steps: number
  readonly temperature: number
  readonly seed: bigint
  readonly cache?: ResolvedCache
}

const CACHE_DEFAULTS: ResolvedCache = { ratio: 0.9, warmup: 0.3, refresh: 5 }

const CACHE_FIELDS = {
  ratio: validate.number(0, 1),
  warmup: validate.number(0, 1),
  refresh: validate.integer(1, MAX_STEPS),
} satisfies validate.Fields

// "ratio=0.9,refresh=5"; what is no such text stays text, for the message.
function parseCache(text: string): unknown {
  const parts = text.split(',').map((part) => /^(ratio|warmup|refresh)=([\d.]+)$/.exec(part))
  return parts.every((part) => part !== null) ? Object.fromEntries(parts.map((part) => [part[1], Number(part[2])])) : text
}

const CACHE_FIELD = validate.valueOrGroup('true, false or {ratio, warmup, refresh}', (value) => typeof value === 'boolean', CACHE_FIELDS, {
  help: 'ML-Cache: compute only the least certain rows',
  value: 'ratio=0.9,warmup=0.3,refresh=5',
  bare: true,
  parse: parseCache,
})

export const COMMON_FIELDS = {
  steps: validate.integer(1, MAX_STEPS, { help: 'decoding steps' }),
  temperature: validate.number(0, 10, { help: '0: always the likeliest' }),
  seed: validate.seed({ help: 'same seed, same result (default: random, reported)' }),
  cache: CACHE_FIELD,
} satisfies validate.Fields

export const SCHEDULE_FIELD = validate.choiceOrFunction(['cosine', 'linear'], { help: 'how many cells stay masked after each step' })

/** Defaults of a task: the checkpoint's own where it has them. */
export interface SamplingDefaults {
  readonly steps: number
  readonly temperature: number
}

export function resolveSampling(request: CommonOptions, defaults: SamplingDefaults): ResolvedSampling {
  const cache = resolveCache(request.cache)
  return {
    steps: request.steps ?? defaults.steps,
    temperature: request.temperature ?? defaults.temperature,
    seed: request.seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(request.seed),
    ...(cache && { cache }),
  }
}

function resolveCache(cache: CommonOptions['cache'] = false): ResolvedCache | undefined {
  if (cache === false) return undefined
  return cache === true ? CACHE_DEFAULTS : { ...CACHE_DEFAULTS, ...defined(cache) }
}

/** Without the entries that are undefined, which must not hide a default. */
export function defined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never
}

/** A function is sampled once per step; the last step always leaves nothing masked. */
export function resolveSchedule(
  where: string,
  schedule: SamplingOptions['schedule'] = 'cosine',
  steps: number,
): 'cosine' | 'linear' | Float32Array {
  if (typeof schedule !== 'function') return schedule
  return Float32Array.from({ length: steps }, (_, step) => {
    const share: unknown = step === steps - 1 ? 0 : schedule((step + 1) / steps)
    if (typeof share === 'number' && share >= 0 && share <= 1) return share
    throw invalid(`${where}: schedule must return a number from 0 to 1, got ${validate.show(share)} at ${(step + 1) / steps}`)
  })
}

/** `count` seeds: seed + i, modulo 2^64. */
export function seedsFrom(seed: bigint, count: number): BigUint64Array {
  return BigUint64Array.from({ length: count }, (_, i) => BigInt.asUintN(64, seed + BigInt(i)))
}
