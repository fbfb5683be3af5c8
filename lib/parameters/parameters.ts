// The parameters that travel inside a picture: written, parsed and turned back into a request here, so that a picture repeats itself
// (`dimoo generate --like`). JSON, flat, versioned (docs/files.md).
import { DimooError, invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { accepts } from '../fields/check.js'
import { boolean, choice, either, group, integer, number, text, type Field, type GroupField } from '../fields/field.js'
import type { ModelInfo, Precision } from '../native/info.js'
import type { ResolvedImage } from '../requests/image.js'
import { IMAGE_TASKS, type ImageTask } from '../requests/names.js'
import type { GenerateRequest, TaskRequests } from '../requests/types/index.js'

/** Keyword of the PNG chunk and name of the XMP property. */
export const PARAMETERS_KEY = 'lumina-dimoo'

/** One picture's request, every default filled in; given pictures are not in it. */
export interface ImageParameters {
  readonly version: 1
  readonly task: ImageTask
  readonly prompt: string
  /** Added tokens in it were tokens. */
  readonly specialTokens?: true
  readonly width: number
  readonly height: number
  readonly steps: number
  /** Of the text. */
  readonly guidance: number
  /** Of the given picture. */
  readonly guidanceImage?: number
  /** The plausibility cut. */
  readonly guidanceFloor?: number
  readonly temperature: number
  /** A schedule that was a function is written as its shares, one per step. */
  readonly schedule: 'cosine' | 'linear' | readonly number[]
  readonly cache?: { readonly ratio: number; readonly warmup: number; readonly refresh: number }
  readonly imageArea?: number | 'native'
  /** What only this task knows, e.g. `control`, `map` or `view`. */
  readonly options?: Readonly<Record<string, string | number>>
  /** The run began from another's step: its picture cannot be repeated from these parameters alone. */
  readonly startStep?: number
  /** Decimal digits: 64 bits do not fit JSON's numbers. */
  readonly seed: string
  readonly precision: Precision
  readonly model: { readonly name: string; readonly weights: string; readonly sha256?: string }
}

/** What of a picture is known when its run is prepared: everything but its seed. */
export interface Made {
  readonly task: ImageTask
  readonly resolved: ResolvedImage
  readonly width: number
  readonly height: number
  readonly own: Readonly<Record<string, string | number>>
}

/** The parameters of every picture of a run, but for the seed. */
export function writeParameters({ task, resolved, width, height, own }: Made, info: ModelInfo): Omit<ImageParameters, 'seed'> {
  const { prompt, specialTokens, steps, guidance, temperature, schedule, reuse, imageArea, start } = resolved
  const { name, weights, sha256, precision } = info
  return {
    version: 1,
    task,
    prompt,
    ...(specialTokens && { specialTokens }),
    width,
    height,
    steps,
    guidance: guidance.text,
    ...(guidance.image > 0 && { guidanceImage: guidance.image }),
    ...(guidance.floor > 0 && { guidanceFloor: guidance.floor }),
    temperature,
    schedule: typeof schedule === 'string' ? schedule : [...schedule],
    ...(reuse.kind === 'mlCache' && { cache: { ratio: reuse.ratio, warmup: reuse.warmup, refresh: reuse.refresh } }),
    ...(imageArea !== undefined && { imageArea }),
    ...(Object.keys(own).length > 0 && { options: own }),
    ...(start && { startStep: start.step }),
    precision,
    model: { name, weights, sha256 },
  }
}

/** Reads what `writeParameters` wrote, as JSON text. Throws `image/invalid` naming what is damaged. */
export function parseParameters(text: string): ImageParameters {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    throw new DimooError('image/invalid', 'picture: its parameters are not JSON')
  }
  if (!isObject(found)) throw new DimooError('image/invalid', `picture: expected parameters, got ${show(found)}`)
  const { version } = found
  if (version !== 1) throw new DimooError('image/invalid', `picture: expected parameters of version 1, got version ${show(version)}`)
  const damaged = Object.keys(PARAMETERS.fields).find((name) => isDamaged(name, found[name]))
  if (damaged !== undefined) throw new DimooError('image/invalid', `picture: its parameter ${damaged} is damaged`)
  return found as unknown as ImageParameters
}

/**
 * The request that made a picture from a text, which then repeats it. Throws `request/invalid` for a picture that was made from others,
 * which are not in it, or from another run's step.
 */
export function likeRequest(like: ImageParameters): GenerateRequest & { readonly seed: string } {
  const { task, prompt, specialTokens, width, height, steps, guidance, guidanceFloor, temperature, schedule, cache, seed, startStep } = like
  if (task !== 'generate') throw invalid(`--like: expected a picture made from a text, got one made by ${task}`)
  if (startStep !== undefined)
    throw invalid(`--like: expected a picture made from a text alone, got one that began from step ${startStep} of another run`)
  return {
    prompt,
    width,
    height,
    steps,
    guidance: guidanceFloor === undefined ? guidance : { text: guidance, floor: guidanceFloor },
    temperature,
    schedule,
    seed,
    cache: cache ?? false,
    ...(specialTokens !== undefined && { specialTokens }),
  } satisfies TaskRequests['generate']
}

/** A sentence where a picture cannot come out the same, as the model or its precision is another; undefined where it can. */
export function likeDifference(like: ImageParameters, info: ModelInfo): string | undefined {
  const { name, weights, sha256 } = like.model
  if (sha256 !== info.sha256)
    return `the picture was made by model ${quote(name)} (${quote(weights)}), this is another: ${quote(info.name)} (${info.weights})`
  if (like.precision !== info.precision) return `the picture was made with precision ${like.precision}, this is ${info.precision}`
  return undefined
}

const plain = (summary: string): Field => number(0, Number.MAX_VALUE, { summary })

/** Every parameter, as data. */
export const PARAMETERS: GroupField = group(
  {
    version: integer(1, 1, { summary: 'Of these parameters.' }),
    task: choice(IMAGE_TASKS, { summary: 'What made the picture.' }),
    prompt: text({ summary: 'The prompt, empty where the task has none.' }),
    specialTokens: boolean({ only: true, summary: 'Added tokens in it were tokens.' }),
    width: integer(1, undefined, { summary: 'Width of the picture.', unit: 'pixels' }),
    height: integer(1, undefined, { summary: 'Height of the picture.', unit: 'pixels' }),
    steps: integer(1, undefined, { summary: 'Decoding steps.' }),
    guidance: plain('How strongly the text pulled.'),
    guidanceImage: plain('How strongly the given pictures pulled.'),
    guidanceFloor: plain('The plausibility cut.'),
    temperature: plain('How freely codes were drawn.'),
    schedule: { kind: 'schedule', summary: 'How many cells stayed masked after each step.' },
    cache: group(
      {
        ratio: plain('Share of the rows not computed again.'),
        warmup: plain('Share of the first steps that computed everything.'),
        refresh: plain('Steps between refreshes.'),
      },
      { required: ['ratio', 'warmup', 'refresh'], summary: 'ML-Cache, where it was on.' },
    ),
    imageArea: either([choice(['native'], { summary: 'As it was.' }), plain('A side of the area.')], {
      summary: 'Size of the given pictures.',
    }),
    options: {
      kind: 'record',
      max: 64,
      of: either([text({ summary: 'A word.' }), number(-Number.MAX_VALUE, Number.MAX_VALUE, { summary: 'A number.' })], {
        summary: 'A value.',
      }),
      summary: 'What only this task knows.',
    },
    startStep: integer(0, undefined, { summary: 'The step of another run that this one began from.' }),
    seed: text({ summary: 'Decimal digits.', pattern: '[0-9]{1,20}' }),
    precision: choice(['fast', 'f32'], { summary: 'Of the arithmetic.' }),
    model: group(
      { name: text({ summary: 'Its name.' }), weights: text({ summary: 'Their type.' }), sha256: text({ summary: 'Its fingerprint.' }) },
      { required: ['name', 'weights'], summary: 'The model that drew it.' },
    ),
  },
  {
    required: [
      'version',
      'task',
      'prompt',
      'width',
      'height',
      'steps',
      'guidance',
      'temperature',
      'schedule',
      'seed',
      'precision',
      'model',
    ],
    summary: 'What a picture was asked with, every default filled in.',
  },
)

function isDamaged(name: string, value: unknown): boolean {
  if (value === undefined) return PARAMETERS.required!.includes(name)
  return !accepts(value, PARAMETERS.fields[name]!)
}
