// Pictures of which a part is given: inpaint, outpaint and retouch. What is not masked keeps its tokens, and with `composite` its pixels.
import { invalid } from '../base/errors.js'
import { either, group, integer, number, picture, region, type Field, type Fields } from '../fields/field.js'
import { isMade, type ImageInput, type MaskInput } from '../fields/values.js'
import type { ModelFacts } from './defaults.js'
import type { TaskDescriptor } from './descriptor.js'
import { BEST_OF, imageArea, promptField, SPECIAL_TOKENS, resolveTextGuided, TEXT_GUIDED, type ResolvedImage } from './image.js'
import type { ExtendOptions, InpaintRequest, OutpaintRequest, Ratio, RetouchRequest } from './types/index.js'

/** Widest seam of a composite, in pixels. */
export const MAX_FEATHER = 256

const PAINT_FIELDS: Fields = {
  ...TEXT_GUIDED,
  bestOf: BEST_OF,
  composite: group(
    {
      feather: integer(0, MAX_FEATHER, {
        summary: 'Width of the seam over which original and new pixels blend, outwards from the cells that were drawn.',
        unit: 'pixels',
        default: { value: 0 },
        flag: { value: 'pixels', help: 'the same, blending over a seam of this many pixels' },
      }),
    },
    {
      type: 'CompositeOptions',
      summary:
        'Puts the original pixels back in every cell that was not drawn anew; without it the whole picture comes out of the image tokenizer.',
      flag: { bare: {}, help: 'put the original pixels back where nothing was drawn' },
    },
  ),
}

const share = (side: string): Field => number(0, 1, { summary: `Share of the picture's ${side}.`, over: true })

const ratio = (summary: string, help: string): Field =>
  group(
    { width: share('width'), height: share('height') },
    {
      type: 'Ratio',
      required: ['width', 'height'],
      rule: '{width, height}, each over 0 and at most 1',
      summary,
      about: "Shares of a picture's sides, for the rectangle in its middle.",
      flag: { value: 'WxH', form: 'WxH', help },
    },
  )

const given: Fields = {
  image: picture({ summary: 'The given picture.', flag: { value: 'file' } }),
  imageArea: imageArea({ value: 'native' }),
}
const WHOLE = 'What the whole picture is to show.'
const MASK_FLAG = { value: 'file|x,y,w,h', help: 'what to draw anew: white pixels of a picture, or rectangles' }

export const INPAINT: TaskDescriptor = {
  name: 'inpaint',
  type: 'InpaintRequest',
  summary: 'Draws the masked part of a picture anew.',
  result: 'image',
  fields: {
    prompt: promptField(WHOLE),
    specialTokens: SPECIAL_TOKENS,
    ...PAINT_FIELDS,
    ...given,
    mask: either(
      [
        region({ summary: 'White (or transparent) pixels of a picture of the same size, rectangles, or cells.' }),
        group(
          {
            ratio: ratio(
              "The rectangle in the middle, by its shares of the picture's sides.",
              'a rectangle in the middle, by its shares of the sides',
            ),
          },
          { required: ['ratio'], summary: "The original's rectangle in the middle (its script's own: width 0.2, height 1)." },
        ),
      ],
      {
        summary:
          "What is decoded anew, by whole cells: white (or transparent) pixels of a picture, rectangles, cells; or the original's rectangle in the middle.",
        rule: 'a picture, a rectangle {left, top, width, height} of whole pixels or an array of them, or {ratio}',
        flag: { ...MASK_FLAG, also: ['region'] },
      },
    ),
  },
  required: ['prompt', 'image', 'mask'],
  argument: { field: 'prompt', words: 'what the whole picture is to show' },
  example:
    "const { image: patched } = await model.inpaint({ prompt: 'a red circle', image, mask: { left: 16, top: 16, width: 32, height: 32 } }).result()",
  commands: [
    'dimoo inpaint "a red circle" --image circle.png --mask mask.png -o out.png        white (or transparent) is drawn anew',
    'dimoo inpaint "a red circle" --image circle.png --region 8,8,32,32 --region 40,0,24,24 --composite-feather 4',
    'dimoo inpaint "a red circle" --image circle.png --mask-ratio 0.5x0.5',
  ],
}

const side = (words: string): Field =>
  integer(0, 16_384, {
    summary: `Pixels to add ${words}, rounded up to the grid.`,
    unit: 'pixels',
    default: { value: 0 },
    flag: { value: 'pixels', help: `pixels to add ${words}` },
  })

export const OUTPAINT: TaskDescriptor = {
  name: 'outpaint',
  type: 'OutpaintRequest',
  summary: 'Draws what lies around a picture.',
  result: 'image',
  fields: {
    prompt: promptField(WHOLE),
    specialTokens: SPECIAL_TOKENS,
    ...PAINT_FIELDS,
    ...given,
    extend: group(
      {
        left: side('on the left'),
        right: side('on the right'),
        top: side('at the top'),
        bottom: side('at the bottom'),
        ratio: ratio(
          "The original's way: everything outside a rectangle in the middle, by its shares of the sides, is drawn anew.",
          'redraw all but a rectangle in the middle, by its shares of the sides',
        ),
      },
      { type: 'ExtendOptions', summary: 'How far each side grows, or `ratio`.' },
    ),
  },
  required: ['prompt', 'image', 'extend'],
  argument: { field: 'prompt', words: 'what the whole picture is to show' },
  example: "const { image: wider } = await model.outpaint({ prompt: 'a red circle', image, extend: { left: 16 } }).result()",
  commands: [
    'dimoo outpaint "a red circle" --image wide.png --extend-top 16 --extend-bottom 16 -o out.png',
    'dimoo outpaint "a red circle" --image circle.png --extend-ratio 0.5x1',
  ],
}

export const RETOUCH: TaskDescriptor = {
  name: 'retouch',
  type: 'RetouchRequest',
  summary: 'Decodes a region of a result or a picture again; no token outside it changes.',
  result: 'image',
  fields: {
    prompt: { ...promptField(WHOLE), default: { words: 'the prompt of the result, an empty one for a picture' } },
    specialTokens: SPECIAL_TOKENS,
    ...PAINT_FIELDS,
    from: picture({
      summary: 'A result, whose tokens are taken as they are, or a picture.',
      flag: { value: 'file', also: ['image'], help: 'the picture to retouch' },
    }),
    region: region({ summary: 'What is decoded again; no token outside it changes.', flag: { ...MASK_FLAG, also: ['mask'] } }),
  },
  required: ['from', 'region'],
  argument: { field: 'prompt', words: 'what the whole picture is to show (default: nothing said)', optional: true },
  example: 'const { image: again } = await model.retouch({ from: image, region: { left: 0, top: 0, width: 16, height: 16 } }).result()',
  commands: ['dimoo retouch "a red circle" --from circle.png --region 16,16,32,32 -o out.png'],
}

interface PaintBase extends ResolvedImage {
  readonly imageArea: number | 'native'
  /** Width of the seam, in pixels; absent: nothing is composed. */
  readonly feather?: number
}

export interface ResolvedInpaint extends PaintBase {
  readonly task: 'inpaint'
  readonly image: ImageInput
  readonly mask: MaskInput | { readonly ratio: Ratio }
}

export interface ResolvedOutpaint extends PaintBase {
  readonly task: 'outpaint'
  readonly image: ImageInput
  readonly extend: ExtendOptions
}

export interface ResolvedRetouch extends PaintBase {
  readonly task: 'retouch'
  readonly image: ImageInput
  readonly mask: MaskInput
}

export type ResolvedPaint = ResolvedInpaint | ResolvedOutpaint | ResolvedRetouch

type AnyPaint = InpaintRequest | OutpaintRequest | RetouchRequest

function resolved(where: string, request: AnyPaint, area: number | 'native', facts: ModelFacts): PaintBase {
  const { composite } = request
  return { ...resolveTextGuided(where, request, facts), imageArea: area, ...(composite && { feather: composite.feather ?? 0 }) }
}

export function resolveInpaint(request: InpaintRequest, facts: ModelFacts): ResolvedInpaint {
  const { image, mask, imageArea: area = 'native' } = request
  return { task: 'inpaint', ...resolved('inpaint', request, area, facts), image, mask }
}

export function resolveOutpaint(request: OutpaintRequest, facts: ModelFacts): ResolvedOutpaint {
  const { image, extend, imageArea: area = 'native' } = request
  const sides = (['left', 'right', 'top', 'bottom'] as const).filter((name) => extend[name] !== undefined)
  if (extend.ratio) {
    if (sides.length > 0) throw invalid(`outpaint: extend must be sides in pixels or {ratio}, got both`)
  } else if (!sides.some((name) => extend[name]! > 0)) {
    throw invalid('outpaint: extend must add pixels on at least one side, got none')
  }
  return { task: 'outpaint', ...resolved('outpaint', request, area, facts), image, extend }
}

export function resolveRetouch(request: RetouchRequest, facts: ModelFacts): ResolvedRetouch {
  const { from, region: mask, prompt } = request
  const base = resolved('retouch', request, 'native', facts)
  const made = isMade(from) ? (from.parameters as { readonly prompt?: unknown; readonly specialTokens?: unknown }) : {}
  const inherited = prompt === undefined && typeof made.prompt === 'string'
  return {
    task: 'retouch',
    ...base,
    ...(inherited && { prompt: made.prompt, specialTokens: request.specialTokens ?? made.specialTokens === true }),
    image: from,
    mask,
  }
}

export function isRatio(mask: object | string): mask is { readonly ratio: Ratio } {
  return typeof mask === 'object' && 'ratio' in mask
}
