// Given pictures on their way into a sequence: read, brought to size, encoded. All of it off the event loop, all of it before the run
// starts, and all of it stopped by the run's signal.
import { breathe } from '../base/breathe.js'
import { DimooError } from '../base/errors.js'
import type { ImageInput, RawImage } from '../fields/values.js'
import { prepareImage, type Preparation } from '../image/prepare.js'
import { readImage, readOriginal } from '../image/read.js'
import { binding } from '../native/binding.js'
import { settle } from '../native/job.js'
import type { CodedImage } from '../prompt/layout.js'
import { MAX_CELLS } from '../requests/size.js'
import type { TaskModel } from './engine-request.js'

/** How a picture is brought to size: which area, and where the crop is taken. */
export type Crop = Pick<Preparation, 'area' | 'offset'>

/** The crop is centred; at a random place, as in the original, with `compat: 'reference'`. */
export function cropOf(area: number | 'native', seed: bigint, { info }: TaskModel): Crop {
  return { area, offset: info.compat === 'reference' ? seed : 'centre' }
}

/** What a picture is for, and what its messages call it. */
export interface Use extends Crop {
  readonly field: string
  readonly use: 'edit' | 'question'
}

/** What `read` gives, once a run for each thing that is given and way of reading it. */
export function readOnce<T>({ given }: TaskModel, input: unknown, how: string, read: () => Promise<T>): Promise<T> {
  if (!given) return read()
  const ways = given.get(input) ?? new Map<string, Promise<unknown>>()
  given.set(input, ways)
  const found = ways.get(how) ?? read()
  ways.set(how, found)
  return found as Promise<T>
}

/** RGB pixels of a picture; with `compat: 'reference'` as the original's editing script sees them. */
export function readGiven(input: ImageInput, field: string, model: TaskModel, signal: AbortSignal): Promise<RawImage> {
  return readOnce<RawImage>(model, input, 'rgb', () =>
    model.info.compat === 'reference' ? readOriginal(input, 'rgb', { field, signal }) : readImage(input, { field, signal }),
  )
}

/**
 * Reads a picture and brings it to size for a prompt. With `compat: 'reference'` one in a question is cropped in its own mode, as in the
 * original; one that is not cropped is RGB there too.
 */
export function givenPicture(input: ImageInput, how: Use, model: TaskModel, signal: AbortSignal): Promise<RawImage> {
  const { area, offset, field, use } = how
  return readOnce(model, input, `${use} of ${area} at ${offset}`, async () => {
    const { compat, scale } = model.info
    const own = compat === 'reference' && use === 'question' && area !== 'native'
    const image = await (own ? readOriginal(input, 'own', { field, signal }) : readGiven(input, field, model, signal))
    signal.throwIfAborted()
    return checkCells(await prepareImage(image, { area, offset, scale, use: 'prompt' }, signal), model)
  })
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
  return { width: width / scale, height: height / scale, codes }
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
