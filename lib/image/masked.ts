// A half-decoded picture for the eye: the model's present guess, with the cells that are still masked as asked.
// Pixels of cells are copied row by row; resampling is the addon's, on its own threads.
import { binding } from '../native/binding.js'
import { settle } from '../native/job.js'
import type { RawImage } from '../fields/values.js'
import type { Grid } from './region.js'

/** 'held': the model's present guess. 'blurred': the guess, blurred to about a cell. 'grey': grey 127. */
export type MaskedCells = 'held' | 'blurred' | 'grey'

/**
 * `image` is the picture of `guess`; `tokens` and `guess` hold -1 where a cell is masked or has no guess yet (then grey in any case).
 * Writes into the picture's own pixels.
 */
export async function drawMasked(
  image: RawImage,
  tokens: Int32Array,
  guess: Int32Array,
  grid: Grid,
  masked: MaskedCells,
): Promise<RawImage> {
  const unknown = guess.includes(-1)
  if (!unknown && (masked === 'held' || !tokens.includes(-1))) return image
  const blurred = masked === 'blurred' ? await blur(image, grid) : undefined
  const side = (image.width / grid.width) * 3 // bytes of one line of a cell
  const height = image.height / grid.height
  const stride = image.width * 3
  tokens.forEach((token, cell) => {
    const grey = guess[cell] === -1 || masked === 'grey'
    if (token !== -1 || (!grey && !blurred)) return
    const start = Math.floor(cell / grid.width) * height * stride + (cell % grid.width) * side
    for (let at = start; at < start + height * stride; at += stride) {
      if (grey) image.data.fill(127, at, at + side)
      else if (blurred) image.data.set(blurred.subarray(at, at + side), at)
    }
  })
  return image
}

// One pixel per cell, and back up.
async function blur(image: RawImage, grid: Grid): Promise<Uint8Array> {
  const { width, height } = image
  const small = await settle(() => binding().resize(image.data, 3, width, height, grid.width, grid.height, 'box'))
  return settle(() => binding().resize(small, 3, grid.width, grid.height, width, height, 'bicubic'))
}
