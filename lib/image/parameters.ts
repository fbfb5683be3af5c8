// The parameters that travel inside a picture: a picture repeats itself from them (`dimoo generate --like`). JSON, flat, versioned.
import { DimooError } from '../errors.js'
import type { ResolvedImageRequest } from '../request.js'

/** Keyword of the PNG chunk and name of the XMP property. */
export const PARAMETERS_KEY = 'lumina-dimoo'

/** One picture's request, every default filled in. */
export interface ImageParameters {
  readonly version: 1
  readonly task: 'text-to-image'
  readonly prompt: string
  readonly width: number
  readonly height: number
  readonly steps: number
  readonly guidance: number
  readonly temperature: number
  /** A schedule that was a function is written as its shares, one per step. */
  readonly schedule: 'cosine' | 'linear' | readonly number[]
  /** Decimal digits: 64 bits do not fit JSON's numbers. */
  readonly seed: string
  readonly precision: 'fast' | 'f32'
  readonly model: { readonly name: string; readonly weights: string; readonly sha256?: string }
}

export type ParameterContext = Pick<ImageParameters, 'precision' | 'model'>

export function toParameters(request: ResolvedImageRequest, seed: bigint, context: ParameterContext): ImageParameters {
  const { prompt, width, height, steps, guidance, temperature, schedule } = request
  return {
    version: 1,
    task: 'text-to-image',
    prompt,
    width,
    height,
    steps,
    guidance,
    temperature,
    schedule: typeof schedule === 'string' ? schedule : [...schedule],
    seed: String(seed),
    precision: context.precision,
    model: context.model,
  }
}

/** Reads what `toParameters` wrote. Throws `image/invalid` naming what is damaged. */
export function parseParameters(text: string): ImageParameters {
  let found: Partial<ImageParameters> | null
  try {
    found = JSON.parse(text) as Partial<ImageParameters> | null
  } catch {
    throw new DimooError('image/invalid', 'picture: its parameters are not JSON')
  }
  if (found?.version !== 1 || found.task !== 'text-to-image') {
    throw new DimooError('image/invalid', `picture: expected parameters of version 1, got version ${String(found?.version)}`)
  }
  const damaged = Object.keys(CHECKS).find((name) => !CHECKS[name as keyof typeof CHECKS](found[name as keyof ImageParameters]))
  if (damaged !== undefined) throw new DimooError('image/invalid', `picture: its parameter ${damaged} is damaged`)
  return found as ImageParameters
}

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
const isText = (value: unknown): boolean => typeof value === 'string'
const CHECKS = {
  prompt: isText,
  width: isNumber,
  height: isNumber,
  steps: isNumber,
  guidance: isNumber,
  temperature: isNumber,
  schedule: (value: unknown): boolean =>
    value === 'cosine' || value === 'linear' || (Array.isArray(value) && value.length > 0 && value.every(isNumber)),
  seed: (value: unknown): boolean => typeof value === 'string' && /^\d{1,20}$/.test(value),
  precision: (value: unknown): boolean => value === 'fast' || value === 'f32',
  model: (value: unknown): boolean => {
    const { name, weights } = (value ?? {}) as Record<string, unknown>
    return isText(name) && isText(weights)
  },
}
