// Pictures of which a part is given: inpaint, outpaint and retouch. What is not masked keeps its tokens, and with `composite` its pixels.
import { invalid } from '../base/errors.js'
import type { ImageResult, GeneratedImage } from '../run/result.js'
import * as validate from '../fields/validate.js'
import { BEST_OF_FIELD, checkPrompt, IMAGE_AREA_FIELD, PROMPT_FIELD, resolveTextGuided, TEXT_GUIDED_FIELDS } from './image.js'
import type { ImageAreaOption, ImageRequestBase, Judged, ModelFacts, ResolvedImage, TextGuided } from './image.js'
import { isPicture, isRatio, mask, maskOrRatio, picture, ratio, type ImageInput, type MaskInput, type Ratio } from './pictures.js'

export interface CompositeOptions {
  /** Width of the seam over which original and new pixels blend, in pixels, 0 to 256. Default 0. */
  readonly feather?: number
}

interface Base extends ImageRequestBase, TextGuided, Judged {
  /** Puts the original pixels back where nothing was masked. Without it the whole picture comes out of the image tokenizer. */
  readonly composite?: CompositeOptions
}

export interface InpaintRequest extends Base, ImageAreaOption {
  /** What the whole picture is to show. */
  readonly prompt: string
  readonly image: ImageInput
  /** What is decoded anew; or the original's rectangle in the middle, by its shares of the sides (its script's own: width 0.2, height 1). */
  readonly mask: MaskInput | { readonly ratio: Ratio }
}

export interface ExtendSides {
  /** Pixels to add, 0 to 16384; rounded up to the grid. Default 0. */
  readonly left?: number
  readonly right?: number
  readonly top?: number
  readonly bottom?: number
}

export interface OutpaintRequest extends Base, ImageAreaOption {
  /** What the whole picture is to show. */
  readonly prompt: string
  readonly image: ImageInput
  /** How far each side grows; or the original's way: everything outside a rectangle in the middle, by its shares, is drawn anew. */
  readonly extend: ExtendSides | { readonly ratio: Ratio }
}

export interface RetouchRequest extends Base {
  /** A result (its tokens are taken as they are) or a picture. */
  readonly from: ImageResult | GeneratedImage | ImageInput
  /** What is decoded again; no token outside it changes. */
  readonly region: MaskInput
  /** Default: the prompt of the result, or an empty one for a picture. */
  readonly prompt?: string
}

const COMPOSITE_FIELDS = {
  feather: validate.integer(0, 256, { help: 'the same, blending over a seam of this many pixels', value: 'pixels' }),
} satisfies validate.Fields

const side = (name: string): validate.Field<number> => validate.integer(0, 16_384, { help: `pixels to add ${name}`, value: 'pixels' })
const EXTEND_FIELDS = {
  left: side('on the left'),
  right: side('on the right'),
  top: side('at the top'),
  bottom: side('at the bottom'),
  ratio: ratio('redraw all but a rectangle in the middle, by its shares of the sides'),
} satisfies validate.Fields

const BASE_FIELDS = {
  prompt: PROMPT_FIELD,
  ...TEXT_GUIDED_FIELDS,
  bestOf: BEST_OF_FIELD,
  composite: validate.group(COMPOSITE_FIELDS, { help: 'put the original pixels back where nothing was drawn', bare: {} }),
} satisfies validate.Fields

const from = validate.anything('an ImageResult or a picture', (value) => isPicture(value) || isGenerated(value), {
  help: 'the picture to retouch',
  value: 'file',
})

export const PAINT_FIELDS = {
  inpaint: {
    ...BASE_FIELDS,
    image: picture('the given picture'),
    imageArea: IMAGE_AREA_FIELD,
    mask: maskOrRatio(
      'what to draw anew: white pixels of a picture, or rectangles',
      'a rectangle in the middle, by its shares of the sides',
    ),
  },
  outpaint: { ...BASE_FIELDS, image: picture('the given picture'), imageArea: IMAGE_AREA_FIELD, extend: validate.group(EXTEND_FIELDS) },
  retouch: { ...BASE_FIELDS, from, region: mask('what to draw anew: white pixels of a picture, or rectangles') },
} satisfies Record<string, validate.Fields>

export interface PaintRequests {
  readonly inpaint: InpaintRequest
  readonly outpaint: OutpaintRequest
  readonly retouch: RetouchRequest
}
export type PaintTask = keyof PaintRequests

export const PAINT_REQUIRED: Readonly<Record<PaintTask, readonly string[]>> = {
  inpaint: ['prompt', 'image', 'mask'],
  outpaint: ['prompt', 'image', 'extend'],
  retouch: ['from', 'region'],
}

/** A picture that one of our runs made. */
export function isGenerated(value: unknown): value is GeneratedImage {
  return validate.isObject(value) && (value as GeneratedImage).tokens instanceof Int32Array && 'image' in value && 'parameters' in value
}

/** The checks that need no model. */
export function checkPaint<T extends PaintTask>(task: T, request: PaintRequests[T]): void {
  const fields: validate.Fields = PAINT_FIELDS[task]
  validate.checkOptions(task, request, fields)
  validate.checkRequired(task, request, fields, PAINT_REQUIRED[task])
  const { prompt, extend } = request as Partial<OutpaintRequest>
  if (prompt !== undefined) checkPrompt(task, prompt)
  if (extend !== undefined) checkExtend(extend)
}

function checkExtend(extend: OutpaintRequest['extend']): void {
  const sides = Object.entries(extend).filter(([name, value]) => name !== 'ratio' && value !== undefined)
  if (isRatio(extend)) {
    if (sides.length > 0) throw invalid(`outpaint: extend must be sides in pixels or {ratio}, got both`)
  } else if (!sides.some(([, value]) => value > 0)) {
    throw invalid('outpaint: extend must add pixels on at least one side, got none')
  }
}

/** A paint request with nothing left open: `prompt` of a retouched result is its own. */
export function resolvePaint<T extends PaintTask>(task: T, request: PaintRequests[T], facts: ModelFacts): ResolvedImage {
  checkPaint(task, request)
  const resolved = resolveTextGuided(task, request, facts)
  if (task !== 'retouch') return { ...resolved, imageArea: (request as InpaintRequest).imageArea ?? 'native' }
  const { from, prompt } = request as RetouchRequest
  return prompt === undefined && isGenerated(from) ? { ...resolved, prompt: from.parameters.prompt } : resolved
}
