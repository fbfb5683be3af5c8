// Picture to picture: edit, control, predict, subject, style and view. The output has the size of the given picture after its crop
// (of the reference for style).
import { invalid } from '../base/errors.js'
import { MAP_NAMES, type MapKind } from '../prompt/templates.js'
import * as validate from '../fields/validate.js'
import { BEST_OF_FIELD, checkPrompt, IMAGE_AREA_FIELD, IMAGE_GUIDED_FIELDS, PROMPT_FIELD, resolveImageGuided } from './image.js'
import type { ImageAreaOption, ImageGuided, ImageRequestBase, Judged, ModelFacts, ResolvedImage } from './image.js'
import { picture, type ImageInput } from './pictures.js'

const EDIT_KINDS = ['add', 'remove', 'replace', 'background', 'text'] as const
const CONTROLS = ['canny', 'hed', 'depth', 'openpose'] as const

interface Base extends ImageRequestBase, ImageGuided, ImageAreaOption {
  readonly image: ImageInput
}

export interface EditRequest extends Base {
  /** The instruction, e.g. "Remove the red circle." */
  readonly prompt: string
  /** What kind of change it is; written into the result's parameters. The model reads the same template for all. */
  readonly kind?: (typeof EDIT_KINDS)[number]
}

export interface ControlRequest extends Base, Judged {
  /** What the picture is to show. */
  readonly prompt: string
  readonly control: (typeof CONTROLS)[number]
  /** 'control' (default): the picture is the map itself. 'photo': draw the map from the picture first ('canny' only). */
  readonly source?: 'control' | 'photo'
}

export interface PredictRequest extends Base {
  /** The map to read from the picture. */
  readonly map: MapKind
  /** Only with `compat: 'reference'`, whose generic prompt it then is. */
  readonly prompt?: string
}

export interface SubjectRequest extends Base, Judged {
  /** What the picture is to show; the subject itself comes from `image`. */
  readonly prompt: string
}

export interface StyleRequest extends Base {
  /** The reference whose style is taken. The output has its size, as in the original. */
  readonly style: ImageInput
}

export interface ViewRequest extends Base {
  /** The view to make of the front view in `image`, e.g. "left". */
  readonly view: string
}

const BASE_FIELDS = { ...IMAGE_GUIDED_FIELDS, image: picture('the given picture'), imageArea: IMAGE_AREA_FIELD } satisfies validate.Fields

export const TRANSFORM_FIELDS = {
  edit: {
    prompt: PROMPT_FIELD,
    ...BASE_FIELDS,
    kind: validate.oneOf(EDIT_KINDS, { help: 'what kind of change, for the record' }),
  },
  control: {
    prompt: PROMPT_FIELD,
    ...BASE_FIELDS,
    bestOf: BEST_OF_FIELD,
    control: validate.oneOf(CONTROLS, { help: 'what kind of map the picture is' }),
    source: validate.oneOf(['control', 'photo'], { help: 'photo: draw the canny map from the picture first' }),
  },
  predict: {
    prompt: PROMPT_FIELD,
    ...BASE_FIELDS,
    map: validate.oneOf(Object.keys(MAP_NAMES) as MapKind[], { help: 'the map to read from the picture' }),
  },
  subject: { prompt: PROMPT_FIELD, ...BASE_FIELDS, bestOf: BEST_OF_FIELD },
  style: { ...BASE_FIELDS, style: picture('the picture whose style is taken') },
  view: { ...BASE_FIELDS, view: validate.string({ help: 'the view to make, e.g. left', value: 'word' }) },
} satisfies Record<string, validate.Fields>

export interface TransformRequests {
  readonly edit: EditRequest
  readonly control: ControlRequest
  readonly predict: PredictRequest
  readonly subject: SubjectRequest
  readonly style: StyleRequest
  readonly view: ViewRequest
}
export type TransformTask = keyof TransformRequests

/** What a request of each task must say. */
export const TRANSFORM_REQUIRED: Readonly<Record<TransformTask, readonly string[]>> = {
  edit: ['prompt', 'image'],
  control: ['prompt', 'image', 'control'],
  predict: ['image', 'map'],
  subject: ['prompt', 'image'],
  style: ['image', 'style'],
  view: ['image', 'view'],
}

/** The checks that need no model. */
export function checkTransform<T extends TransformTask>(task: T, request: TransformRequests[T]): void {
  const fields: validate.Fields = TRANSFORM_FIELDS[task]
  validate.checkOptions(task, request, fields)
  validate.checkRequired(task, request, fields, TRANSFORM_REQUIRED[task])
  const { prompt, view, control, source } = request as Partial<EditRequest & ViewRequest & ControlRequest>
  if (prompt !== undefined) checkPrompt(task, prompt)
  if (view !== undefined) checkPrompt(task, view, 'view')
  if (source === 'photo' && control !== 'canny') throw invalid(`control: source 'photo' must come with control 'canny', got '${control}'`)
}

/** Fills in every default. Throws `request/invalid` for anything unknown or out of range. */
export function resolveTransform<T extends TransformTask>(task: T, request: TransformRequests[T], facts: ModelFacts): ResolvedImage {
  checkTransform(task, request)
  if (task === 'predict' && (request as PredictRequest).prompt !== undefined && facts.compat !== 'reference') {
    throw invalid("predict: prompt must be left out: the map's own is used, but for a model loaded with compat 'reference'")
  }
  return resolveImageGuided(task, request, facts)
}
