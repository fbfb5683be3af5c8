// The parameters that travel inside a picture: a picture repeats itself from them (`dimoo generate --like`). JSON, flat, versioned.
import { DimooError } from '../base/errors.js'
import { isText, TASKS, type TaskName } from '../requests/index.js'
import type { ResolvedCache } from '../requests/sampling.js'
import type { TextTask } from '../requests/text.js'

/** Keyword of the PNG chunk and name of the XMP property. */
export const PARAMETERS_KEY = 'lumina-dimoo'

export type ImageTask = Exclude<TaskName, TextTask>

/** One picture's request, every default filled in; given pictures are not in it. */
export interface ImageParameters {
  readonly version: 1
  readonly task: ImageTask
  readonly prompt: string
  readonly width: number
  readonly height: number
  readonly steps: number
  /** Of the text. */
  readonly guidance: number
  /** Of the given picture. */
  readonly guidanceImage?: number
  /** Where it is over 0. */
  readonly guidanceFloor?: number
  readonly temperature: number
  /** A schedule that was a function is written as its shares, one per step. */
  readonly schedule: 'cosine' | 'linear' | readonly number[]
  readonly cache?: ResolvedCache
  readonly imageArea?: number | 'native'
  /** What only this task knows, e.g. `control`, `map` or `view`. */
  readonly options?: Readonly<Record<string, string | number>>
  /** Decimal digits: 64 bits do not fit JSON's numbers. */
  readonly seed: string
  readonly precision: 'fast' | 'f32'
  readonly model: { readonly name: string; readonly weights: string; readonly sha256?: string }
}

/** Reads what `toParameters` wrote. Throws `image/invalid` naming what is damaged. */
export function parseParameters(text: string): ImageParameters {
  let found: Partial<ImageParameters> | null
  try {
    found = JSON.parse(text) as Partial<ImageParameters> | null
  } catch {
    throw new DimooError('image/invalid', 'picture: its parameters are not JSON')
  }
  if (found?.version !== 1) {
    throw new DimooError('image/invalid', `picture: expected parameters of version 1, got version ${String(found?.version)}`)
  }
  const damaged = Object.keys(CHECKS).find((name) => !CHECKS[name as keyof typeof CHECKS](found[name as keyof ImageParameters]))
  if (damaged !== undefined) throw new DimooError('image/invalid', `picture: its parameter ${damaged} is damaged`)
  return found as ImageParameters
}

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
const isString = (value: unknown): boolean => typeof value === 'string'
const isShares = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isNumber)
const optional =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === undefined || check(value)
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
const CHECKS = {
  task: (value: unknown): boolean => (TASKS as readonly unknown[]).includes(value) && !isText(value as TaskName),
  prompt: isString,
  width: isNumber,
  height: isNumber,
  steps: isNumber,
  guidance: isNumber,
  guidanceImage: optional(isNumber),
  guidanceFloor: optional(isNumber),
  temperature: isNumber,
  schedule: (value: unknown): boolean => value === 'cosine' || value === 'linear' || isShares(value),
  cache: optional((value) => isObject(value) && ['ratio', 'warmup', 'refresh'].every((name) => isNumber((value as never)[name]))),
  imageArea: optional((value) => value === 'native' || isNumber(value)),
  options: optional((value) => isObject(value) && Object.values(value as object).every((one) => isNumber(one) || isString(one))),
  seed: (value: unknown): boolean => typeof value === 'string' && /^\d{1,20}$/.test(value),
  precision: (value: unknown): boolean => value === 'fast' || value === 'f32',
  model: (value: unknown): boolean => {
    const { name, weights } = (value ?? {}) as Record<string, unknown>
    return isString(name) && isString(weights)
  },
}
