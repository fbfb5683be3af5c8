// What requests for pictures have in common: fields, and the complete request that all picture tasks begin with.
import { invalid } from '../base/errors.js'
import {
  array,
  boolean,
  choice,
  either,
  group,
  integer,
  number,
  region,
  text,
  type Default,
  type Field,
  type Fields,
} from '../fields/field.js'
import type { Schedule } from '../fields/values.js'
import { defined, EDIT_DEFAULTS, IMAGE_DEFAULTS, type ModelFacts } from './defaults.js'
import { PRESET } from './presets.js'
import { CACHE, MAX_STEPS, resolveSampling, samplingFields, type ResolvedSampling } from './sampling.js'
import { resolveSchedule } from './schedule.js'
import type { CacheOptions, StartOptions } from './types/index.js'

export const MAX_IMAGES = 64

export const promptField = (summary: string): Field => text({ summary })

export const SPECIAL_TOKENS: Field = boolean({
  summary: 'Whether added tokens such as `<IMAGE>` in the text are tokens; else they are text like any other.',
  default: { value: false },
  flag: { help: 'added tokens such as <IMAGE> in the text are tokens' },
})

const own = (group: string, name: keyof typeof IMAGE_DEFAULTS | keyof typeof EDIT_DEFAULTS, other: number): Default => ({
  checkpoint: `${group}.${name}`,
  else: other,
})

const floor = (group: string): Field =>
  number(0, 1, {
    summary:
      'Plausibility cut: only codes that are at least this share as likely as the likeliest, before guidance, may be chosen; 0: off.',
    default: { checkpoint: `${group}.guidanceFloor`, else: 0 },
    flag: { help: 'rule out codes under this share of the likeliest before guidance; 0: off' },
  })

const textPull = (other: Default): Field =>
  number(0, 100, {
    summary: 'How strongly the text pulls; 0 computes no unconditional branch for it.',
    default: other,
    flag: { help: 'how strongly the text pulls; 0: off' },
  })

const START = group(
  {
    tokens: array('i32', "Codes on the grid, row by row, -1 where masked: a step's `tokens`."),
    step: integer(0, MAX_STEPS - 1, { summary: "The step that was done last, from 0: a step's `step`; decoding goes on with the next." }),
    pinned: region({ summary: 'Cells that stay as they are to the end, remasking included; they must be settled.' }),
  },
  {
    type: 'StartOptions',
    required: ['tokens', 'step'],
    summary: "Begins from another run's step, with another seed or prompt (a fork), and keeps cells (pins).",
    about: 'Where a run begins that does not begin with everything masked.',
    flag: { form: 'none' },
  },
)

function baseFields(kind: 'image' | 'edit', guidance: Field): Fields {
  const defaults = kind === 'image' ? IMAGE_DEFAULTS : EDIT_DEFAULTS
  return {
    preset: PRESET,
    ...samplingFields(own(kind, 'steps', defaults.steps), own(kind, 'temperature', defaults.temperature)),
    guidance,
    cache: CACHE,
    schedule: {
      kind: 'schedule',
      summary: 'How many cells stay masked after each step: a curve, one share from 0 to 1 a step, or a function from progress to share.',
      default: { value: 'cosine' },
      flag: { value: 'cosine|linear', help: 'how many cells stay masked after each step' },
    },
    n: integer(1, MAX_IMAGES, {
      summary: 'How many pictures, decoded in one batch; picture i uses seed + i.',
      default: { value: 1 },
      flag: { help: 'how many pictures; picture i uses seed + i' },
    }),
    start: START,
  }
}

/** Base fields of tasks that a text alone guides. */
export const TEXT_GUIDED: Fields = baseFields(
  'image',
  either(
    [
      textPull(own('image', 'guidance', IMAGE_DEFAULTS.guidance)),
      group(
        { text: textPull(own('image', 'guidance', IMAGE_DEFAULTS.guidance)), floor: floor('image') },
        { type: 'TextGuidance', summary: 'By name.', about: 'Guidance of a task that a text alone guides.' },
      ),
    ],
    {
      summary: 'How strongly the prompt pulls; 0 computes no unconditional branch.',
      rule: 'a number from 0 to 100',
      short: 'text',
      default: own('image', 'guidance', IMAGE_DEFAULTS.guidance),
      flag: { value: 'x', help: 'how strongly the prompt pulls; 0: off' },
    },
  ),
)

/** Base fields of tasks that a text and pictures guide. */
export const IMAGE_GUIDED: Fields = baseFields(
  'edit',
  either(
    [
      textPull(own('edit', 'guidanceText', EDIT_DEFAULTS.guidanceText)),
      group(
        {
          text: textPull(own('edit', 'guidanceText', EDIT_DEFAULTS.guidanceText)),
          image: number(0, 100, {
            summary: 'How strongly the given pictures pull; with both at 0 no unconditional branch is computed.',
            default: own('edit', 'guidanceImage', EDIT_DEFAULTS.guidanceImage),
            flag: { help: 'how strongly the picture pulls; 0: off' },
          }),
          floor: floor('edit'),
        },
        { type: 'ImageGuidance', summary: 'By name.', about: 'Guidance of a task that a text and pictures guide.' },
      ),
    ],
    {
      summary: "How strongly the text and the given pictures pull; a number is the text's.",
      rule: 'a number from 0 to 100 or {text, image, floor}',
      short: 'text',
      default: { words: "the checkpoint's, else text 2.5 and image 4" },
      flag: { value: 'x', help: 'how strongly the text pulls; 0: off' },
    },
  ),
)

/** Of tasks whose prompt says what the picture shows. */
export const BEST_OF: Field = integer(1, MAX_IMAGES, {
  summary:
    'Draws this many (at least n) in one batch and returns the n that the model itself finds most like the prompt, best first, each with its `score`.',
  flag: { help: 'draw this many, keep the best n as the model judges them' },
})

export const imageArea = (found: Default): Field =>
  either(
    [
      choice(['native'], { summary: 'As it is, each side down to the grid.' }),
      integer(32, 4096, { multipleOf: 32, summary: 'A side of the area.' }),
    ],
    {
      summary:
        "Size of the given pictures: A crops to the best of the sizes of about A x A pixels that the model was trained with; 'native' keeps the picture, each side down to the grid.",
      rule: "'native' or a multiple of 32 from 32 to 4096",
      default: found,
      flag: { value: 'n|native', help: 'crop the given picture to about this many pixels squared, or native' },
    },
  )

/** How strongly text and pictures pull (0: not at all), and the plausibility cut. */
export interface Guidance {
  readonly text: number
  readonly image: number
  readonly floor: number
}

/** A request for pictures, as far as all tasks have it, with nothing left open. */
export interface ResolvedImage extends ResolvedSampling {
  readonly prompt: string
  readonly guidance: Guidance
  readonly schedule: 'cosine' | 'linear' | Float32Array
  readonly n: number
  readonly bestOf?: number
  readonly imageArea?: number | 'native'
  readonly start?: StartOptions
}

export interface AnyImageRequest {
  readonly prompt?: string
  readonly specialTokens?: boolean
  readonly steps?: number
  readonly temperature?: number
  readonly seed?: number | bigint | string
  readonly cache?: boolean | CacheOptions
  readonly schedule?: Schedule
  readonly n?: number
  readonly bestOf?: number
  readonly guidance?: number | { readonly text?: number; readonly image?: number; readonly floor?: number }
  readonly start?: StartOptions
}

/** Fills in the defaults of a task that a text alone guides. */
export function resolveTextGuided(where: string, request: AnyImageRequest, facts: ModelFacts): ResolvedImage {
  const { guidanceFloor = 0, ...defaults } = { ...IMAGE_DEFAULTS, ...defined(facts.defaults.image ?? {}) }
  const { text: pull = defaults.guidance, floor: cut = guidanceFloor } = byName(request.guidance)
  return resolveImage(where, request, defaults, { text: pull, image: 0, floor: cut })
}

/** Fills in the defaults of a task that a text and pictures guide. */
export function resolveImageGuided(
  where: string,
  request: AnyImageRequest & { readonly imageArea?: number | 'native' },
  facts: ModelFacts,
): ResolvedImage & { readonly imageArea: number | 'native' } {
  const { guidanceFloor = 0, ...defaults } = { ...EDIT_DEFAULTS, ...defined(facts.defaults.edit ?? {}) }
  const { text: pull = defaults.guidanceText, image = defaults.guidanceImage, floor: cut = guidanceFloor } = byName(request.guidance)
  const resolved = resolveImage(where, request, defaults, { text: pull, image, floor: cut })
  return { ...resolved, imageArea: request.imageArea ?? defaults.imageArea }
}

function byName(guidance: AnyImageRequest['guidance']): { readonly text?: number; readonly image?: number; readonly floor?: number } {
  return typeof guidance === 'number' ? { text: guidance } : defined(guidance ?? {})
}

function resolveImage(
  where: string,
  request: AnyImageRequest,
  defaults: { readonly steps: number; readonly temperature: number },
  guidance: Guidance,
): ResolvedImage {
  const sampling = resolveSampling(where, request, defaults)
  const { n = 1, bestOf, prompt = '', start } = request
  if (bestOf !== undefined && bestOf < n) throw invalid(`${where}: bestOf must be at least n = ${n}, got ${bestOf}`)
  if (start && start.step >= sampling.steps - 1) {
    throw invalid(`${where}: start: step must lie before the last of ${sampling.steps} steps, got ${start.step}`)
  }
  return {
    ...sampling,
    prompt,
    guidance,
    schedule: resolveSchedule(where, request.schedule, sampling.steps),
    n,
    ...(bestOf !== undefined && { bestOf }),
    ...(start && { start }),
  }
}

/** How many pictures are decoded. */
export function candidates({ n, bestOf }: Pick<ResolvedImage, 'n' | 'bestOf'>): number {
  return bestOf ?? n
}
