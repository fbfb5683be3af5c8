// A request for pictures: what a caller may say, and the complete request that every default has been filled into.
// Pure: no addon, no tokenizer, no clock; the seed's randomness comes from node:crypto.
import { randomBytes } from 'node:crypto'
import { invalid } from './errors.js'
import * as validate from './validate.js'

export const MAX_STEPS = 4096
export const MAX_IMAGES = 64
/** Cells of one picture; 4096 x 4096 pixels at 16 pixels a cell. */
export const MAX_CELLS = 65_536

/** Defaults of a text-to-image request where the checkpoint has none: those of the released model's scripts. */
export const IMAGE_DEFAULTS = { width: 1024, height: 1024, steps: 64, guidance: 4, temperature: 1 } as const

/** Share of the cells that stay masked, by the share of the steps that are done (0 to 1); must return 0 to 1. */
export type ScheduleFunction = (progress: number) => number

export interface SamplingOptions {
  /** Decoding steps, 1 to 4096. Each is one forward pass. Default: the checkpoint's, else 64. */
  readonly steps?: number
  /** 0 always takes the likeliest code; 0 to 10. Default: the checkpoint's, else 1. */
  readonly temperature?: number
  /** How strongly the prompt pulls, 0 to 100; 0 computes no unconditional branch. Default: the checkpoint's, else 4. */
  readonly guidance?: number
  /** How many cells stay masked after each step. Default 'cosine'. */
  readonly schedule?: 'cosine' | 'linear' | ScheduleFunction
  /** Same seed, same picture; every integer from 0 to 2^64 - 1 is a seed. Omitted: chosen at random and reported. */
  readonly seed?: number | bigint
}

/** Picture size in pixels; each side a multiple of the model's cell (16 pixels for the released model). */
export interface Size {
  readonly width?: number
  readonly height?: number
  /** In place of a side: "16:9" keeps the default area, or follows the one side that is given. */
  readonly aspectRatio?: `${number}:${number}`
}

export interface TextToImageRequest extends SamplingOptions, Size {
  /** At most 256 KB of UTF-8. An empty prompt is allowed: the picture is then whatever the model likes, as without a prompt. */
  readonly prompt: string
  /** How many pictures, 1 to 64, decoded in one batch; picture i uses seed + i. Default 1. */
  readonly n?: number
}

/** Every field that a caller may set, with its rule; also the flags of `dimoo generate`. */
export const IMAGE_REQUEST_FIELDS = {
  prompt: validate.string(),
  width: validate.integer(1, 1 << 20), // both sides are one flag, --size
  height: validate.integer(1, 1 << 20),
  aspectRatio: validate.matching(/^\d+(\.\d+)?:\d+(\.\d+)?$/, "two numbers such as '16:9'", {
    help: 'width:height, at about the default area',
    value: 'w:h',
  }),
  steps: validate.integer(1, MAX_STEPS, { help: 'decoding steps' }),
  guidance: validate.number(0, 100, { help: 'how strongly the prompt pulls; 0: off' }),
  temperature: validate.number(0, 10, { help: '0: always the likeliest code' }),
  schedule: validate.choiceOrFunction(['cosine', 'linear'], { help: 'how many cells stay masked after each step' }),
  seed: validate.seed({ help: 'same seed, same picture (default: random, reported)' }),
  n: validate.integer(1, MAX_IMAGES, { help: 'how many pictures; picture i uses seed + i' }),
} satisfies validate.Fields

/** What a model brings to a request. */
export interface ImageModelFacts {
  /** Pixels per cell side. */
  readonly scale: number
  readonly defaults: { readonly image?: Partial<Record<keyof typeof IMAGE_DEFAULTS, number>> }
}

/** A request with nothing left open. */
export interface ResolvedImageRequest {
  readonly prompt: string
  readonly width: number
  readonly height: number
  /** The grid, in cells. */
  readonly rows: number
  readonly columns: number
  readonly steps: number
  readonly guidance: number
  readonly temperature: number
  readonly schedule: 'cosine' | 'linear' | Float32Array
  readonly seed: bigint
  readonly n: number
}

/** Fills in every default. Throws `request/invalid` for anything unknown or out of range. */
export function resolveImageRequest(request: TextToImageRequest, model: ImageModelFacts): ResolvedImageRequest {
  checkImageRequest(request)
  const defaults = { ...IMAGE_DEFAULTS, ...model.defaults.image }
  const { width, height } = resolveSize(request, defaults, model.scale)
  const steps = request.steps ?? defaults.steps
  return {
    prompt: request.prompt,
    width,
    height,
    rows: height / model.scale,
    columns: width / model.scale,
    steps,
    guidance: request.guidance ?? defaults.guidance,
    temperature: request.temperature ?? defaults.temperature,
    schedule: resolveSchedule(request.schedule ?? 'cosine', steps),
    seed: request.seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(request.seed),
    n: request.n ?? 1,
  }
}

/** The checks that need no model. */
export function checkImageRequest(request: TextToImageRequest): void {
  validate.checkOptions('generate', request, IMAGE_REQUEST_FIELDS)
  if ((request.prompt as unknown) === undefined) throw invalid('generate: prompt must be a string, got undefined')
  validate.checkTextBytes('generate: prompt', request.prompt)
}

/** Seeds of all pictures: seed + i, modulo 2^64. */
export function imageSeeds(request: Pick<ResolvedImageRequest, 'seed' | 'n'>): BigUint64Array {
  return BigUint64Array.from({ length: request.n }, (_, i) => BigInt.asUintN(64, request.seed + BigInt(i)))
}

function resolveSize(request: Size, defaults: { width: number; height: number }, scale: number): { width: number; height: number } {
  const { width = defaults.width, height = defaults.height } = withAspect(request, defaults, scale)
  for (const [name, side] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (side % scale !== 0) throw invalid(`generate: ${name} must be a multiple of ${scale}, got ${side}`)
  }
  const cells = (width / scale) * (height / scale)
  if (cells > MAX_CELLS) {
    throw invalid(`generate: width x height must be at most ${MAX_CELLS} cells of ${scale} x ${scale} pixels, got ${cells}`)
  }
  return { width, height }
}

function withAspect(request: Size, defaults: { width: number; height: number }, scale: number): Size {
  const { width, height, aspectRatio } = request
  if (aspectRatio === undefined) return request
  if (width !== undefined && height !== undefined) {
    throw invalid(`generate: aspectRatio must not be given with both width and height, got '${aspectRatio}'`)
  }
  const [across, down] = aspectRatio.split(':').map(Number) as [number, number]
  const ratio = across / down
  if (!(ratio >= 1 / 64 && ratio <= 64)) throw invalid(`generate: aspectRatio must be between 1:64 and 64:1, got '${aspectRatio}'`)
  const snap = (side: number): number => Math.max(1, Math.round(side / scale)) * scale
  if (width !== undefined) return { width, height: snap(width / ratio) }
  if (height !== undefined) return { width: snap(height * ratio), height }
  const area = defaults.width * defaults.height
  return { width: snap(Math.sqrt(area * ratio)), height: snap(Math.sqrt(area / ratio)) }
}

// A function is sampled once per step; the last step always leaves nothing masked.
function resolveSchedule(schedule: NonNullable<SamplingOptions['schedule']>, steps: number): ResolvedImageRequest['schedule'] {
  if (typeof schedule !== 'function') return schedule
  return Float32Array.from({ length: steps }, (_, step) => {
    const share: unknown = step === steps - 1 ? 0 : schedule((step + 1) / steps)
    if (typeof share === 'number' && share >= 0 && share <= 1) return share
    throw invalid(`generate: schedule must return a number from 0 to 1, got ${validate.show(share)} at ${(step + 1) / steps}`)
  })
}
