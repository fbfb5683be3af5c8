// Picture to picture: edit, control, predict, subject, style and view. The output has the size of the given picture after its crop
// (of the reference for style).
import { invalid } from '../base/errors.js'
import { choice, picture, text, type Fields } from '../fields/field.js'
import type { ImageInput } from '../fields/values.js'
import { MAP_NAMES, type MapKind } from '../prompt/templates.js'
import { EDIT_DEFAULTS, type ModelFacts } from './defaults.js'
import type { TaskDescriptor } from './descriptor.js'
import { BEST_OF, IMAGE_GUIDED, imageArea, promptField, SPECIAL_TOKENS, resolveImageGuided, type ResolvedImage } from './image.js'
import type { ControlRequest, EditRequest, PredictRequest, StyleRequest, SubjectRequest, ViewRequest } from './types/index.js'

const GIVEN: Fields = {
  image: picture({ summary: 'The given picture.', flag: { value: 'file' } }),
  imageArea: imageArea({ checkpoint: 'edit.imageArea', else: EDIT_DEFAULTS.imageArea }),
}

export const EDIT: TaskDescriptor = {
  name: 'edit',
  type: 'EditRequest',
  summary: 'Changes a picture as an instruction says.',
  result: 'image',
  fields: {
    prompt: promptField('The instruction, e.g. "Remove the red circle."'),
    specialTokens: SPECIAL_TOKENS,
    ...IMAGE_GUIDED,
    ...GIVEN,
    kind: choice(['add', 'remove', 'replace', 'background', 'text'], {
      summary: "What kind of change it is; written into the result's parameters. The model reads the same template for all.",
      flag: { help: 'what kind of change, for the record' },
    }),
  },
  required: ['prompt', 'image'],
  argument: { field: 'prompt', words: 'what to change' },
  example: "const { image: blue } = await model.edit({ prompt: 'Change the red circle to blue.', image }).result()",
  commands: [
    'dimoo edit "Change the red circle to blue." --image circle.png -o out.png',
    'dimoo edit "Remove the blue star." --image circle-and-star.png --guidance-image 1',
  ],
}

export const CONTROL: TaskDescriptor = {
  name: 'control',
  type: 'ControlRequest',
  summary: 'Draws pictures from a text and a map: edges, depth or a pose.',
  result: 'image',
  fields: {
    prompt: promptField('What the picture is to show.'),
    specialTokens: SPECIAL_TOKENS,
    ...IMAGE_GUIDED,
    ...GIVEN,
    bestOf: BEST_OF,
    control: choice(['canny', 'hed', 'depth', 'openpose'], { summary: 'What kind of map the picture is.' }),
    source: choice(['control', 'photo'], {
      summary: "Whether the picture is the map itself, or a photo that the map is drawn from first ('canny' only).",
      default: { value: 'control' },
      flag: { help: 'photo: draw the canny map from the picture first' },
    }),
  },
  required: ['prompt', 'image', 'control'],
  argument: { field: 'prompt', words: 'what to draw' },
  example: "const { image: drawn } = await model.control({ prompt: 'a red circle', image, control: 'canny', source: 'photo' }).result()",
  commands: [
    'dimoo control "a red circle" --image edges.png --control canny -o out.png',
    'dimoo control "a red circle" --image photo.jpg --control canny --source photo       the edges are drawn from the photo first',
  ],
}

export const PREDICT: TaskDescriptor = {
  name: 'predict',
  type: 'PredictRequest',
  summary: 'Reads a map from a picture.',
  result: 'image',
  fields: {
    prompt: text({ summary: "Only with `compat: 'reference'`, whose generic prompt it then is.", flag: { form: 'none' } }),
    ...IMAGE_GUIDED,
    ...GIVEN,
    map: choice(Object.keys(MAP_NAMES), { summary: 'The map to read from the picture.' }),
  },
  required: ['image', 'map'],
  example: "const { image: depth } = await model.predict({ image, map: 'depth' }).result()",
  commands: ['dimoo predict --image circle.png --map depth -o depth.png'],
}

export const SUBJECT: TaskDescriptor = {
  name: 'subject',
  type: 'SubjectRequest',
  summary: 'Draws the subject of a picture in another scene.',
  result: 'image',
  fields: {
    prompt: promptField('What the picture is to show; the subject itself comes from `image`.'),
    specialTokens: SPECIAL_TOKENS,
    ...IMAGE_GUIDED,
    ...GIVEN,
    bestOf: BEST_OF,
  },
  required: ['prompt', 'image'],
  argument: { field: 'prompt', words: 'the scene' },
  example: "const { image: scene } = await model.subject({ prompt: 'a star on a gray background', image }).result()",
  commands: ['dimoo subject "a red circle on a gray background" --image circle.png -o out.png'],
}

export const STYLE: TaskDescriptor = {
  name: 'style',
  type: 'StyleRequest',
  summary: 'Draws a picture in the style of another, at the size of the other.',
  result: 'image',
  fields: {
    ...IMAGE_GUIDED,
    ...GIVEN,
    style: picture({
      summary: 'The reference whose style is taken; the output has its size, as in the original.',
      flag: { value: 'file', help: 'the picture whose style is taken' },
    }),
  },
  required: ['image', 'style'],
  example: 'const { image: styled } = await model.style({ image, style: image }).result()',
  commands: ['dimoo style --image circle.png --style gray.png -o out.png'],
}

export const VIEW: TaskDescriptor = {
  name: 'view',
  type: 'ViewRequest',
  summary: 'Draws another view of what a front view shows.',
  result: 'image',
  fields: {
    ...IMAGE_GUIDED,
    ...GIVEN,
    view: choice(['left', 'right', 'back', 'top', 'bottom', 'front'], {
      summary: "The view to make of the front view in `image`; which of them a checkpoint knows is its training's.",
      flag: { help: 'the view to make' },
    }),
  },
  required: ['image', 'view'],
  example: "const { image: left } = await model.view({ image, view: 'left' }).result()",
  commands: ['dimoo view --image circle.png --view left -o left.png'],
}

export type TransformTask = 'edit' | 'control' | 'predict' | 'subject' | 'style' | 'view'

export interface ResolvedTransform extends ResolvedImage {
  readonly task: TransformTask
  /** In the order in which the model sees them; the last one gives the output's size. */
  readonly pictures: readonly ImageInput[]
  readonly imageArea: number | 'native'
  /** Edges are drawn from the picture first. */
  readonly edges: boolean
  readonly map?: MapKind
  readonly view?: string
  /** What only this task knows, for the picture's parameters. */
  readonly own: Readonly<Record<string, string>>
}

type Given = Parameters<typeof resolveImageGuided>[1] & { readonly image: ImageInput }

function resolved(task: TransformTask, request: Given, facts: ModelFacts, own: Record<string, string | undefined> = {}): ResolvedTransform {
  const said = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { task, ...resolveImageGuided(task, request, facts), pictures: [request.image], edges: false, own: Object.fromEntries(said) }
}

export const resolveEdit = (request: EditRequest, facts: ModelFacts): ResolvedTransform =>
  resolved('edit', request, facts, { kind: request.kind })

export const resolveSubject = (request: SubjectRequest, facts: ModelFacts): ResolvedTransform => resolved('subject', request, facts)

export function resolveControl(request: ControlRequest, facts: ModelFacts): ResolvedTransform {
  const { control, source } = request
  if (source === 'photo' && control !== 'canny') throw invalid(`control: source 'photo' must come with control 'canny', got '${control}'`)
  return { ...resolved('control', request, facts, { control, source }), edges: source === 'photo' }
}

export function resolvePredict(request: PredictRequest, facts: ModelFacts): ResolvedTransform {
  if (request.prompt !== undefined && facts.compat !== 'reference') {
    throw invalid("predict: prompt must be left out: the map's own is used, but for a model loaded with compat 'reference'")
  }
  return { ...resolved('predict', request, facts, { map: request.map }), map: request.map }
}

export function resolveStyle(request: StyleRequest, facts: ModelFacts): ResolvedTransform {
  return { ...resolved('style', request, facts), pictures: [request.image, request.style] }
}

export function resolveView(request: ViewRequest, facts: ModelFacts): ResolvedTransform {
  return { ...resolved('view', request, facts, { view: request.view }), view: request.view }
}
