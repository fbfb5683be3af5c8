// Given pictures on their way into a sequence: read, brought to size, encoded. All of it off the event loop, all of it before the run
// starts, and all of it stopped by the run's signal.
import { binding } from '../native/binding.js'
import { breathe } from '../base/breathe.js'
import { DimooError } from '../base/errors.js'
import { prepareArea } from '../image/prepare.js'
import type { RawImage } from '../image/raw.js'
import { readImage, readOriginal, type ImageInput } from '../image/read.js'
import { settle } from '../native/job.js'
import type { CodedImage } from '../prompt/layout.js'
import { MAX_CELLS } from '../requests/size.js'
import type { TaskModel } from './context.js'

/** How a picture is brought to size: which area, and where the crop is taken. */
export interface Crop {
  readonly area: number | 'native'
  readonly offset: 'centre' | bigint
}

/** The crop is centred; at a random place, as in the original, with `compat: 'reference'`. */
export function cropOf(area: number | 'native', seed: bigint, { compat }: TaskModel): Crop {
  return { area, offset: compat === 'reference' ? seed : 'centre' }
}

/** RGB pixels of a picture; with `compat: 'reference'` as the original's editing script sees them. */
export function readGiven(input: ImageInput, { compat }: TaskModel): Promise<RawImage> {
  return compat === 'reference' ? readOriginal(input, 'rgb') : readImage(input)
}

/**
 * Reads a picture and brings it to size. With `compat: 'reference'` one in a question is cropped in its own mode, as in the original;
 * one that is not cropped is RGB there too.
 */
export async function givenPicture(
  input: ImageInput,
  crop: Crop,
  model: TaskModel,
  signal: AbortSignal,
  use: 'edit' | 'question' = 'edit',
): Promise<RawImage> {
  const own = model.compat === 'reference' && use === 'question' && crop.area !== 'native'
  const image = await (own ? readOriginal(input, 'own') : readGiven(input, model))
  signal.throwIfAborted()
  return checkCells(await prepareArea(image, crop.area, model.info.scale, crop.offset, signal), model)
}

/** Throws `image/invalid` for a picture of more cells than a sequence may hold. */
export function checkCells<T extends { readonly width: number; readonly height: number }>(image: T, { info: { scale } }: TaskModel): T {
  const cells = (image.width / scale) * (image.height / scale)
  if (cells <= MAX_CELLS) return image
  const message = `picture: expected at most ${MAX_CELLS} cells of ${scale} x ${scale} pixels, got ${image.width} x ${image.height} pixels`
  throw new DimooError('image/invalid', `${message}; imageArea crops it`)
}

/** The picture's codes. Its sides are multiples of the cell. */
export async function encode({ data, width, height }: RawImage, model: TaskModel, signal: AbortSignal): Promise<CodedImage> {
  const { scale } = model.info
  const codes = await settle(() => model.native().encodeVq(data, width, height), signal)
  return { rows: height / scale, columns: width / scale, codes }
}

// What OpenCV's users commonly take.
const CANNY = { low: 100, high: 200 }

/** The picture's edges, white on black. */
export async function drawEdges(image: RawImage, signal: AbortSignal): Promise<RawImage> {
  const { width, height } = image
  const edges = await settle(() => binding().canny(image.data, width, height, CANNY.low, CANNY.high), signal)
  const data = new Uint8Array(edges.length * 3)
  for (let i = 0; i < edges.length; i++) {
    if (i % width === 0) await breathe()
    data.fill(edges[i]!, 3 * i, 3 * i + 3)
  }
  return { data, width, height, channels: 3 }
}
