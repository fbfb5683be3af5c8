// Text to image: the prompt and the size of the picture.
import { defined, IMAGE_DEFAULTS, type ModelFacts } from './defaults.js'
import type { TaskDescriptor } from './descriptor.js'
import { BEST_OF, promptField, SPECIAL_TOKENS, resolveTextGuided, TEXT_GUIDED, type ResolvedImage } from './image.js'
import { resolveSize, SIZE_FIELDS } from './size.js'
import type { GenerateRequest } from './types/index.js'

export const GENERATE: TaskDescriptor = {
  name: 'generate',
  type: 'GenerateRequest',
  summary: 'Draws pictures from a text.',
  result: 'image',
  remarks: 'An empty prompt is allowed: the picture is then whatever the model likes, as without a prompt.',
  fields: {
    prompt: promptField('What the picture is to show.'),
    specialTokens: SPECIAL_TOKENS,
    ...SIZE_FIELDS,
    ...TEXT_GUIDED,
    bestOf: BEST_OF,
  },
  required: ['prompt'],
  argument: { field: 'prompt', words: 'what to draw; may be left out with --like', optional: true },
  example: "const { image } = await model.generate({ prompt: 'a red circle', seed: 7 }).result()",
  commands: ['dimoo generate "a large yellow star on a black background" -o star.png'],
}

export interface ResolvedGenerate extends ResolvedImage {
  readonly task: 'generate'
  readonly width: number
  readonly height: number
}

export function resolveGenerate(request: GenerateRequest, facts: ModelFacts): ResolvedGenerate {
  const size = resolveSize(request, { ...IMAGE_DEFAULTS, ...defined(facts.defaults.image ?? {}) }, facts.scale)
  return { task: 'generate', ...resolveTextGuided('generate', request, facts), ...size }
}
