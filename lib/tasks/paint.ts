// Pictures of which a part is given: its tokens are known cells, the rest is masked. Inpaint and retouch mask a part of the picture,
// outpaint what lies around it (or, by ratio, around a rectangle in it).
import { breathe } from '../base/breathe.js'
import { invalid } from '../base/errors.js'
import { prepareArea } from '../image/prepare.js'
import type { RawImage } from '../image/raw.js'
import { isRawImage } from '../image/raw.js'
import { readMask, type ImageInput } from '../image/read.js'
import { textBranches, type CodedImage } from '../prompt/layout.js'
import { textedPrompts } from '../prompt/templates.js'
import { checkMaskSize, checkRects, hasAlpha, isMasked, ratioCells, regionCellsSlowly } from '../image/region.js'
import type { ResolvedImage } from '../requests/image.js'
import {
  isGenerated,
  type ExtendSides,
  type InpaintRequest,
  type OutpaintRequest,
  type PaintRequests,
  type PaintTask,
  type RetouchRequest,
} from '../requests/paint.js'
import { isRatio, isRects, type MaskInput, type Ratio, type Rect } from '../requests/pictures.js'
import type { GeneratedImage } from '../run/result.js'
import type { RunOptions } from '../run/options.js'
import type { ImagePlan, TaskModel } from './context.js'
import { imagePlan } from './image-plan.js'
import { checkCells, cropOf, encode, readGiven } from './pictures.js'
import { promptIds } from './prompt-ids.js'

/** A given picture: as it came, at its size on the grid, and its codes. */
interface Given extends CodedImage {
  readonly size: { readonly width: number; readonly height: number }
  readonly pixels: RawImage
}

/** A target of which some cells are known. */
interface Canvas extends Omit<CodedImage, 'codes'> {
  /** -1 where masked. */
  readonly cells: Int32Array
  /** The given pixels at the size of the target. */
  readonly pixels: () => RawImage
  /** For the parameters. */
  readonly options?: Readonly<Record<string, number>>
}

export async function planPaint(
  task: PaintTask,
  request: PaintRequests[PaintTask],
  resolved: ResolvedImage,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<ImagePlan> {
  const ids = await promptIds(textedPrompts('generate', resolved.prompt), model.coder())
  const branches = textBranches(ids, resolved.guidance.text, model.info)
  const { rows, columns, cells, pixels, options: own } = await canvasOf(task, request, resolved, model, signal)
  if (!cells.includes(-1)) throw invalid(`${task}: expected at least one cell to draw, got none`)
  const { composite } = request
  const feather = composite && (composite.feather ?? 0)
  return imagePlan(
    {
      task,
      resolved,
      branches,
      rows,
      columns,
      cells,
      composite: feather === undefined ? undefined : { feather, original: pixels() },
      options: { ...own, feather },
    },
    options,
    model,
  )
}

async function canvasOf(
  task: PaintTask,
  request: PaintRequests[PaintTask],
  resolved: ResolvedImage,
  model: TaskModel,
  signal: AbortSignal,
): Promise<Canvas> {
  if (task === 'retouch') {
    const { from, region } = request as RetouchRequest
    const given = isGenerated(from) ? fromResult(from, model) : await givenCodes(from, { ...resolved, imageArea: 'native' }, model, signal)
    return maskedBy('retouch: region', given, region, undefined, signal)
  }
  const { image } = request as InpaintRequest
  const given = await givenCodes(image, resolved, model, signal)
  if (task === 'outpaint') {
    const { extend } = request as OutpaintRequest
    return isRatio(extend) ? byRatio(given, extend.ratio, 'outside', model) : extended(given, extend, model)
  }
  const { mask } = request as InpaintRequest
  if (isRatio(mask)) return byRatio(given, mask.ratio, 'inside', model)
  const crop = resolved.imageArea === 'native' ? undefined : (pixels: RawImage) => cropAlike(pixels, resolved, model, signal)
  return maskedBy('inpaint: mask', given, mask, crop, signal)
}

async function givenCodes(input: ImageInput, { imageArea, seed }: ResolvedImage, model: TaskModel, signal: AbortSignal): Promise<Given> {
  const image = await readGiven(input, model)
  signal.throwIfAborted()
  const { area, offset } = cropOf(imageArea!, seed, model)
  const pixels = checkCells(await prepareArea(image, area, model.info.scale, offset, signal), model)
  return { ...(await encode(pixels, model, signal)), size: { width: image.width, height: image.height }, pixels }
}

// A result's tokens as they are; they must be tokens of this model.
function fromResult({ image, tokens }: GeneratedImage, { info }: TaskModel): Given {
  const { scale, codebook_size } = info
  const [rows, columns] = [image.height / scale, image.width / scale]
  if (tokens.length !== rows * columns || tokens.some((code) => code < 0 || code >= codebook_size)) {
    const got = `${tokens.length} for ${image.width} x ${image.height} pixels`
    throw invalid(`retouch: from must be a result of this model: expected ${rows * columns} codes under ${codebook_size}, got ${got}`)
  }
  return { rows, columns, codes: tokens, size: image, pixels: image }
}

async function maskedBy(
  where: string,
  given: Given,
  mask: MaskInput,
  crop: ((pixels: RawImage) => Promise<RawImage>) | undefined,
  signal: AbortSignal,
): Promise<Canvas> {
  const { size, codes, rows, columns, pixels } = given
  const region = isRects(mask) ? mask : await readMask(mask)
  signal.throwIfAborted()
  const touched = crop
    ? await regionCellsSlowly(where, await crop(await drawn(where, region, size)), given, pixels)
    : await regionCellsSlowly(where, region, given, size)
  const cells = Int32Array.from(codes)
  for (const cell of touched) cells[cell] = -1
  return { rows, columns, cells, pixels: () => pixels }
}

// A mask as RGB pixels, white where masked and black elsewhere, so that it can be cropped as its picture was.
async function drawn(where: string, region: Rect | readonly Rect[] | RawImage, { width, height }: Given['size']): Promise<RawImage> {
  const data = new Uint8Array(width * height * 3)
  if (isRawImage(region)) {
    checkMaskSize(region, { width, height })
    const masked = isMasked(region, await hasAlpha(region))
    for (let pixel = 0; pixel < width * height; pixel++) {
      if (pixel % width === 0) await breathe()
      if (masked(pixel)) data.fill(255, pixel * 3, pixel * 3 + 3)
    }
  } else {
    const rects = Array.isArray(region) ? (region as readonly Rect[]) : [region as Rect]
    checkRects(where, rects, width, height)
    for (const { left, top, width: w, height: h } of rects) {
      for (let y = top; y < top + h; y++) data.fill(255, (y * width + left) * 3, (y * width + left + w) * 3)
    }
  }
  return { data, width, height, channels: 3 }
}

function cropAlike(pixels: RawImage, { imageArea, seed }: ResolvedImage, model: TaskModel, signal: AbortSignal): Promise<RawImage> {
  const { area, offset } = cropOf(imageArea!, seed, model)
  return prepareArea(pixels, area, model.info.scale, offset, signal, 'greatest')
}

function byRatio(given: Given, ratio: Ratio, side: 'inside' | 'outside', model: TaskModel): Canvas {
  const { rows, columns, codes, size, pixels } = given
  const drawn = ratioCells(side, ratio, size, pixels, model.info.scale)
  return { rows, columns, pixels: () => pixels, cells: codes.map((code, i) => (drawn[i] === 1 ? -1 : code)) }
}

/** More cells on each side, rounded up to the grid; the pixels there are grey. */
function extended({ rows, columns, codes, pixels }: Given, extend: ExtendSides, model: TaskModel): Canvas {
  const { scale } = model.info
  const side = (name: keyof ExtendSides): number => Math.ceil((extend[name] ?? 0) / scale)
  const [left, right, top, bottom] = [side('left'), side('right'), side('top'), side('bottom')]
  const grid = { rows: rows + top + bottom, columns: columns + left + right }
  const size = checkCells({ width: grid.columns * scale, height: grid.rows * scale }, model)
  const cells = new Int32Array(grid.rows * grid.columns).fill(-1)
  for (let row = 0; row < rows; row++) {
    cells.set(codes.subarray(row * columns, (row + 1) * columns), (row + top) * grid.columns + left)
  }
  const draw = (): RawImage => {
    const data = new Uint8Array(size.width * size.height * 3).fill(127)
    for (let y = 0; y < pixels.height; y++) {
      const line = pixels.data.subarray(y * pixels.width * 3, (y + 1) * pixels.width * 3)
      data.set(line, ((y + top * scale) * size.width + left * scale) * 3)
    }
    return { data, ...size, channels: 3 }
  }
  const options = { left: left * scale, right: right * scale, top: top * scale, bottom: bottom * scale }
  return { ...grid, cells, pixels: draw, options }
}
