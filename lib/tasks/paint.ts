// Pictures of which a part is given: its tokens are known cells, the rest is masked. Inpaint and retouch mask a part of the picture,
// outpaint what lies around it (or, by ratio, around a rectangle in it).
import { breathe } from '../base/breathe.js'
import { invalid } from '../base/errors.js'
import { isCells, isMade, isRawImage, type MadeImage, type RawImage, type Rect } from '../fields/values.js'
import { prepareImage } from '../image/prepare.js'
import { readRegion } from '../image/read.js'
import { checkMaskSize, checkRects, hasAlpha, isMasked, ratioCells, regionCellsSlowly, type Grid, type Region } from '../image/region.js'
import { textBranches } from '../prompt/layout.js'
import { textedPrompts } from '../prompt/templates.js'
import { isRatio, type ResolvedPaint } from '../requests/paint.js'
import type { ExtendOptions, Ratio, RunOptions } from '../requests/types/index.js'
import type { ImageEngineRequest, TaskModel } from './engine-request.js'
import { imageRequest } from './images.js'
import { checkCells, cropOf, encode, readGiven, readOnce } from './pictures.js'
import { callerText, promptIds } from './prompt-ids.js'

/** A given picture: as it came, at its size on the grid, and its codes. */
interface Given {
  readonly size: { readonly width: number; readonly height: number }
  readonly pixels: RawImage
  readonly grid: Grid
  readonly codes: Int32Array
}

/** A target of which some cells are known. */
interface Target {
  readonly grid: Grid
  /** -1 where masked. */
  readonly cells: Int32Array
  /** The given pixels at the size of the target. */
  readonly pixels: () => RawImage
  /** For the parameters. */
  readonly own?: Readonly<Record<string, number>>
}

export async function layOutPaint(
  resolved: ResolvedPaint,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<ImageEngineRequest> {
  const { task, feather } = resolved
  const ids = await promptIds(textedPrompts('generate', callerText(resolved.prompt, resolved, model)), model, signal)
  const branches = textBranches(ids, resolved.guidance.text, model.info)
  const { grid, cells, pixels, own } = await targetOf(resolved, model, signal)
  if (!cells.includes(-1)) throw invalid(`${task}: expected at least one cell to draw, got none`)
  const composite = feather === undefined ? undefined : { feather, original: pixels() }
  const parts = { resolved, branches, grid, cells, composite, own: { ...own, ...(feather !== undefined && { feather }) } }
  return imageRequest(parts, options, model)
}

async function targetOf(resolved: ResolvedPaint, model: TaskModel, signal: AbortSignal): Promise<Target> {
  const given = await givenOf(resolved, model, signal)
  if (resolved.task === 'outpaint') {
    const { extend } = resolved
    return extend.ratio ? byRatio(given, extend.ratio, 'outside', model) : extended(given, extend, model)
  }
  const { task, mask } = resolved
  if (isRatio(mask)) return byRatio(given, mask.ratio, 'inside', model)
  const crop = resolved.imageArea === 'native' ? undefined : (pixels: RawImage) => cropAlike(pixels, resolved, model, signal)
  const where = task === 'retouch' ? 'retouch: region' : 'inpaint: mask'
  const region = await readOnce(model, mask, 'region', () => readRegion(mask, { field: where.split(': ')[1], signal }))
  signal.throwIfAborted()
  return maskedBy(where, given, region, crop)
}

// A result's tokens are taken as they are where they are to stay.
async function givenOf(resolved: ResolvedPaint, model: TaskModel, signal: AbortSignal): Promise<Given> {
  const { task, image, imageArea, seed } = resolved
  if (task === 'retouch' && isMade(image)) return fromResult(image, model)
  const read = await readGiven(image, task === 'retouch' ? 'from' : 'image', model, signal)
  signal.throwIfAborted()
  const how = { ...cropOf(imageArea, seed, model), scale: model.info.scale, use: 'target' } as const
  const pixels = await readOnce(model, image, 'target', async () => checkCells(await prepareImage(read, how, signal), model))
  const { width, height, codes } = await encode(pixels, model, signal)
  return { grid: { width, height }, codes, size: { width: read.width, height: read.height }, pixels }
}

// They must be tokens of this model.
function fromResult({ image, tokens }: MadeImage, { info }: TaskModel): Given {
  const { scale, codebookSize } = info
  const grid = { width: image.width / scale, height: image.height / scale }
  if (tokens.length !== grid.width * grid.height || tokens.some((code) => code < 0 || code >= codebookSize)) {
    const got = `${tokens.length} for ${image.width} x ${image.height} pixels`
    const expected = `expected ${grid.width * grid.height} codes under ${codebookSize}`
    throw invalid(`retouch: from must be a result of this model: ${expected}, got ${got}`)
  }
  return { grid, codes: tokens, size: image, pixels: image }
}

async function maskedBy(
  where: string,
  { grid, size, codes, pixels }: Given,
  region: Region,
  crop: ((pixels: RawImage) => Promise<RawImage>) | undefined,
): Promise<Target> {
  // Cells are of the grid already, whatever was cropped before.
  const touched =
    crop && !isCells(region)
      ? await regionCellsSlowly(where, await crop(await drawn(where, region, size)), grid, pixels)
      : await regionCellsSlowly(where, region, grid, size)
  const cells = Int32Array.from(codes)
  for (const cell of touched) cells[cell] = -1
  return { grid, cells, pixels: () => pixels }
}

// A mask as RGB pixels, white where masked and black elsewhere, so that it can be cropped as its picture was.
async function drawn(
  where: string,
  region: Exclude<Region, Uint32Array | readonly number[]>,
  { width, height }: Given['size'],
): Promise<RawImage> {
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

function cropAlike(pixels: RawImage, { imageArea, seed }: ResolvedPaint, model: TaskModel, signal: AbortSignal): Promise<RawImage> {
  const how = { ...cropOf(imageArea, seed, model), scale: model.info.scale, use: 'target', between: 'greatest' } as const
  return prepareImage(pixels, how, signal)
}

function byRatio(given: Given, ratio: Ratio, side: 'inside' | 'outside', model: TaskModel): Target {
  const { grid, codes, size, pixels } = given
  const chosen = ratioCells(side, ratio, size, pixels, model.info.scale)
  return { grid, pixels: () => pixels, cells: codes.map((code, i) => (chosen[i] === 1 ? -1 : code)) }
}

/** More cells on each side, rounded up to the grid; the pixels there are grey. */
function extended({ grid, codes, pixels }: Given, extend: ExtendOptions, model: TaskModel): Target {
  const { scale } = model.info
  const side = (name: 'left' | 'right' | 'top' | 'bottom'): number => Math.ceil((extend[name] ?? 0) / scale)
  const [left, right, top, bottom] = [side('left'), side('right'), side('top'), side('bottom')]
  const wider = { width: grid.width + left + right, height: grid.height + top + bottom }
  const size = checkCells({ width: wider.width * scale, height: wider.height * scale }, model)
  const cells = new Int32Array(wider.width * wider.height).fill(-1)
  for (let line = 0; line < grid.height; line++) {
    cells.set(codes.subarray(line * grid.width, (line + 1) * grid.width), (line + top) * wider.width + left)
  }
  const draw = (): RawImage => {
    const data = new Uint8Array(size.width * size.height * 3).fill(127)
    for (let y = 0; y < pixels.height; y++) {
      const line = pixels.data.subarray(y * pixels.width * 3, (y + 1) * pixels.width * 3)
      data.set(line, ((y + top * scale) * size.width + left * scale) * 3)
    }
    return { data, ...size, channels: 3 }
  }
  const own = { left: left * scale, right: right * scale, top: top * scale, bottom: bottom * scale }
  return { grid: wider, cells, pixels: draw, own }
}
