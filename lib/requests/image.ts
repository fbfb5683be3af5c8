// What every request for pictures has in common: count, guidance, defaults, and the complete request that all picture tasks end in.
import type { Defaults } from '../native/info.js'
import { invalid } from '../base/errors.js'
import * as validate from '../fields/validate.js'
import { COMMON_FIELDS, defined, resolveSampling, resolveSchedule, SCHEDULE_FIELD } from './sampling.js'
import type { ResolvedSampling, SamplingOptions } from './sampling.js'

export const MAX_IMAGES = 64

/** Defaults where the checkpoint has none: those of the released scripts (docs/model.md#defaults). */
export const IMAGE_DEFAULTS = { width: 1024, height: 1024, steps: 64, guidance: 4, guidance_floor: 0, temperature: 1 } as const
export const EDIT_DEFAULTS = {
  steps: 64,
  guidance_text: 2.5,
  guidance_image: 4,
  guidance_floor: 0,
  temperature: 1,
  image_area: 512,
} as const

/** How strongly text and pictures pull, 0 to 100; 0: not at all. */
export interface Guidance {
  readonly text: number
  readonly image: number
  /**
   * 0 to 1. Guidance weighs differences between branches and can lift a code that the conditional branch itself finds impossible; only codes
   * at least `floor` times as likely there as the likeliest one may be chosen. 0, the default: all of them; 1: the likeliest alone.
   */
  readonly floor: number
}

export interface ImageRequestBase extends SamplingOptions {
  /** How many pictures, 1 to 64, decoded in one batch; picture i uses seed + i. Default 1. */
  readonly n?: number
}

/** Pictures by a text alone: one weight. */
export interface TextGuided {
  /**
   * How strongly the prompt pulls, 0 to 100; 0 computes no unconditional branch. Default: the checkpoint's, else 4. `floor`: see
   * {@link Guidance}.
   */
  readonly guidance?: number | Partial<Pick<Guidance, 'text' | 'floor'>>
}

/** Pictures by pictures: two weights. */
export interface ImageGuided {
  /**
   * How strongly the text and the given pictures pull, 0 to 100 each; a number is the text's. Both 0: no unconditional branch.
   * Default: the checkpoint's, else 2.5 and 4. `floor`: see {@link Guidance}.
   */
  readonly guidance?: number | Partial<Guidance>
}

/** Tasks whose prompt says what the picture shows. */
export interface Judged {
  /**
   * Draws this many (n to 64) in one batch and returns the n that the model itself finds most like the prompt, best first, each with its
   * `score`. Costs one pass more per candidate (its answer to "does this image show the following?"), or as its checkpoint asks for.
   */
  readonly bestOf?: number
}

export interface ImageAreaOption {
  /**
   * Size of the given pictures: A (32 to 4096, a multiple of 32) crops to the best of the sizes of about A x A pixels that the model
   * was trained with; 'native' keeps the picture, each side down to the grid.
   */
  readonly imageArea?: number | 'native'
}

const BASE_FIELDS = {
  ...COMMON_FIELDS,
  schedule: SCHEDULE_FIELD,
  n: validate.integer(1, MAX_IMAGES, { help: 'how many pictures; picture i uses seed + i' }),
} satisfies validate.Fields

const weight = (help: string): validate.Field<number> => validate.number(0, 100, { help })
const isWeight = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0 && (value as number) <= 100
const floor = validate.number(0, 1, { help: 'choose no code less likely, unguided, than this share of the likeliest; 0: off' })
const toNumber = (text: string): unknown => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text))

/** Base fields of tasks that a text alone guides. */
export const TEXT_GUIDED_FIELDS = {
  ...BASE_FIELDS,
  guidance: validate.valueOrGroup(
    'a number from 0 to 100',
    isWeight,
    { text: validate.number(0, 100), floor },
    { help: 'how strongly the prompt pulls; 0: off', value: 'x', parse: (text) => ({ text: toNumber(text) }) },
  ),
} satisfies validate.Fields

/** Base fields of tasks that a text and pictures guide. */
export const IMAGE_GUIDED_FIELDS = {
  ...BASE_FIELDS,
  guidance: validate.valueOrGroup(
    'a number from 0 to 100 or {text, image, floor}',
    isWeight,
    { text: weight('how strongly the text pulls; 0: off'), image: weight('how strongly the picture pulls; 0: off'), floor },
    {},
  ),
} satisfies validate.Fields

export const BEST_OF_FIELD = validate.integer(1, MAX_IMAGES, { help: 'draw this many, keep the best n as the model judges them' })

const isArea = (value: unknown): boolean =>
  value === 'native' || (Number.isInteger(value) && (value as number) >= 32 && (value as number) <= 4096 && (value as number) % 32 === 0)

export const IMAGE_AREA_FIELD = validate.anything("'native' or a multiple of 32 from 32 to 4096", isArea, {
  help: 'crop the given picture to about this many pixels squared, or native',
  value: 'n|native',
  parse: toNumber,
})

export const PROMPT_FIELD = validate.string()

/** A request for pictures with nothing left open. */
export interface ResolvedImage extends ResolvedSampling {
  readonly prompt: string
  readonly guidance: Guidance
  readonly schedule: 'cosine' | 'linear' | Float32Array
  readonly n: number
  readonly bestOf?: number
  readonly imageArea?: number | 'native'
}

/** What a model brings to a request. */
export interface ModelFacts {
  /** Pixels per cell side. */
  readonly scale: number
  readonly defaults: Defaults
  readonly compat?: 'none' | 'reference'
}

/** Throws `request/invalid` for a text that is missing or too long. */
export function checkPrompt(where: string, prompt: unknown, name = 'prompt'): void {
  if (typeof prompt !== 'string') throw invalid(`${where}: ${name} must be a string, got ${validate.show(prompt)}`)
  validate.checkTextBytes(`${where}: ${name}`, prompt)
}

type AnyImageRequest = ImageRequestBase & ImageGuided & Judged & { readonly prompt?: string }

/** Fills in the defaults of a task of the `image` kind. */
export function resolveTextGuided(where: string, request: AnyImageRequest, facts: ModelFacts): ResolvedImage {
  const defaults = { ...IMAGE_DEFAULTS, ...defined(facts.defaults.image ?? {}) }
  const { text = defaults.guidance, floor = defaults.guidance_floor } = toGuidance(request.guidance)
  return resolveImage(where, request, defaults, { text, image: 0, floor })
}

/** Fills in the defaults of a task of the `edit` kind. */
export function resolveImageGuided(where: string, request: AnyImageRequest & ImageAreaOption, facts: ModelFacts): ResolvedImage {
  const defaults = { ...EDIT_DEFAULTS, ...defined(facts.defaults.edit ?? {}) }
  const { guidance_text, guidance_image, guidance_floor } = defaults
  const { text = guidance_text, image = guidance_image, floor = guidance_floor } = toGuidance(request.guidance)
  return { ...resolveImage(where, request, defaults, { text, image, floor }), imageArea: request.imageArea ?? defaults.image_area }
}

function toGuidance(guidance: ImageGuided['guidance']): Partial<Guidance> {
  return typeof guidance === 'number' ? { text: guidance } : defined(guidance ?? {})
}

function resolveImage(
  where: string,
  request: AnyImageRequest,
  defaults: { readonly steps: number; readonly temperature: number },
  guidance: Guidance,
): ResolvedImage {
  const sampling = resolveSampling(request, defaults)
  const { n = 1, bestOf, prompt = '' } = request
  if (bestOf !== undefined && bestOf < n) throw invalid(`${where}: bestOf must be at least n = ${n}, got ${bestOf}`)
  return {
    ...sampling,
    prompt,
    guidance,
    schedule: resolveSchedule(where, request.schedule, sampling.steps),
    n,
    ...(bestOf !== undefined && { bestOf }),
  }
}

/** How many pictures are decoded. */
export function candidates({ n, bestOf }: Pick<ResolvedImage, 'n' | 'bestOf'>): number {
  return bestOf ?? n
}
