// Text to image: the prompt and the size of the picture.
import * as validate from '../fields/validate.js'
import { BEST_OF_FIELD, checkPrompt, IMAGE_DEFAULTS, PROMPT_FIELD, resolveTextGuided, TEXT_GUIDED_FIELDS } from './image.js'
import type { ImageRequestBase, Judged, ModelFacts, ResolvedImage, TextGuided } from './image.js'
import { defined } from './sampling.js'
import { resolveSize, SIZE_FIELDS, type Size } from './size.js'

export interface TextToImageRequest extends ImageRequestBase, TextGuided, Judged, Size {
  /** At most 256 KB of UTF-8. An empty prompt is allowed: the picture is then whatever the model likes, as without a prompt. */
  readonly prompt: string
}

/** Every field that a caller may set, with its rule; also the flags of `dimoo generate`. */
export const TEXT_TO_IMAGE_FIELDS = {
  prompt: PROMPT_FIELD,
  ...SIZE_FIELDS,
  ...TEXT_GUIDED_FIELDS,
  bestOf: BEST_OF_FIELD,
} satisfies validate.Fields

export interface ResolvedTextToImage extends ResolvedImage {
  readonly width: number
  readonly height: number
}

/** The checks that need no model. */
export function checkTextToImage(request: TextToImageRequest): void {
  validate.checkOptions('generate', request, TEXT_TO_IMAGE_FIELDS)
  checkPrompt('generate', request.prompt)
}

/** Fills in every default. Throws `request/invalid` for anything unknown or out of range. */
export function resolveTextToImage(request: TextToImageRequest, facts: ModelFacts): ResolvedTextToImage {
  checkTextToImage(request)
  const size = resolveSize(request, { ...IMAGE_DEFAULTS, ...defined(facts.defaults.image ?? {}) }, facts.scale)
  return { ...resolveTextGuided('generate', request, facts), ...size }
}
