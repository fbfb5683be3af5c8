// Fields of sampling that tasks share, and how they are completed. Pure but for the randomness of a seed that was left out.
import { invalid } from '../base/errors.js'
import { boolean, choice, either, group, integer, number, seed, type Default, type Fields } from '../fields/field.js'
import { CACHE_DEFAULTS, defined } from './defaults.js'
import type { CacheOptions } from './types/index.js'

export const MAX_STEPS = 4096

/** What of an earlier step is kept: nothing (exact), ML-Cache's surest rows (docs/model.md#ml-cache), or everything outside of an answer's block. */
export type Reuse =
  | { readonly kind: 'none' }
  | { readonly kind: 'mlCache'; readonly ratio: number; readonly warmup: number; readonly refresh: number }
  | { readonly kind: 'prefix' }

export interface ResolvedSampling {
  readonly steps: number
  readonly temperature: number
  readonly seed: bigint
  readonly reuse: Reuse
  /** Of the caller's texts. */
  readonly specialTokens: boolean
}

const CACHE_GROUP = group(
  {
    ratio: number(0, 1, { summary: 'Share of the rows that are not computed again.', default: { value: CACHE_DEFAULTS.ratio } }),
    warmup: number(0, 1, {
      summary: 'Share of the steps at the start that compute everything.',
      default: { value: CACHE_DEFAULTS.warmup },
    }),
    refresh: integer(1, MAX_STEPS, {
      summary: 'Everything is computed again each so many steps.',
      default: { value: CACHE_DEFAULTS.refresh },
    }),
  },
  { type: 'CacheOptions', summary: 'ML-Cache: which rows are computed again in a step.' },
)

export const CACHE = either([boolean({ summary: 'On or off.' }), CACHE_GROUP], {
  summary: 'ML-Cache, faster and approximate: computes only the least certain rows; true is ratio 0.9, warmup 0.3, refresh 5.',
  rule: 'true, false or {ratio, warmup, refresh}',
  default: { value: false },
  flag: { value: 'ratio=0.9,warmup=0.3,refresh=5', bare: true, form: 'pairs', help: 'ML-Cache: compute only the least certain rows' },
})

/** Of answers, which have another way too. */
export const PREFIX_REUSE = choice(['none', 'prefix'], {
  summary:
    "'prefix' keeps keys and values of everything outside the current block within the block: faster, approximate; not together with `cache`.",
  default: { value: 'none' },
  flag: { help: 'prefix: keep what is outside the block, faster' },
})

/** Steps and temperature by their defaults, and the seed. */
export function samplingFields(steps: Default, temperature: Default): Fields {
  return {
    steps: integer(1, MAX_STEPS, { summary: 'Decoding steps, each one forward pass.', default: steps, flag: { help: 'decoding steps' } }),
    temperature: number(0, 10, {
      summary: 'How freely codes and tokens are drawn; 0 always takes the likeliest.',
      default: temperature,
      flag: { help: '0: always the likeliest' },
    }),
    seed: seed({
      summary: 'Same seed, same result: every integer from 0 to 2^64 - 1, beyond 2^53 as a bigint or decimal digits.',
      default: { words: 'random, reported in the result' },
      flag: { help: 'same seed, same result (default: random, reported)' },
    }),
  }
}

interface SamplingRequest {
  readonly steps?: number
  readonly temperature?: number
  readonly seed?: number | bigint | string
  readonly cache?: boolean | CacheOptions
  readonly reuse?: 'none' | 'prefix'
  readonly specialTokens?: boolean
}

export function resolveSampling(
  where: string,
  request: SamplingRequest,
  defaults: { readonly steps: number; readonly temperature: number },
): ResolvedSampling {
  return {
    steps: request.steps ?? defaults.steps,
    temperature: request.temperature ?? defaults.temperature,
    seed: request.seed === undefined ? randomSeed() : BigInt(request.seed),
    reuse: resolveReuse(where, request),
    specialTokens: request.specialTokens ?? false,
  }
}

function randomSeed(): bigint {
  return globalThis.crypto.getRandomValues(new BigUint64Array(1))[0]!
}

// One union, as the two exclude each other.
function resolveReuse(where: string, { cache = false, reuse = 'none' }: SamplingRequest): Reuse {
  if (cache !== false && reuse !== 'none')
    throw invalid(`${where}: cache must not be given with reuse 'prefix': both keep rows of the same pass`)
  if (reuse === 'prefix') return { kind: 'prefix' }
  return cache === false ? { kind: 'none' } : { kind: 'mlCache', ...CACHE_DEFAULTS, ...(cache === true ? {} : defined(cache)) }
}

/** `count` seeds: seed + i, modulo 2^64. */
export function seedsFrom(first: bigint, count: number): BigUint64Array {
  return BigUint64Array.from({ length: count }, (_, i) => BigInt.asUintN(64, first + BigInt(i)))
}
