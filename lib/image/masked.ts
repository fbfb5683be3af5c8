// A half-decoded picture for the eye: the model's present guess, with the cells that are still masked as asked.
// Pixels of cells are copied row by row; resampling is the addon's, on its own threads.
import { binding } from '../binding.js'
import { settle } from '../job.js'
import type { RawImage } from './raw.js'

/** 'held': the model's present guess. 'blurred': the guess, blurred to about a cell. 'grey': grey 127. */
export type MaskedCells = 'held' | 'blurred' | 'grey'

interface Grid {
  readonly rows: number
  readonly columns: number
}

/** `guess` is the decoded guess; `tokens` holds -1 where a cell is masked. Writes into the guess's own pixels. */
export async function drawMasked(guess: RawImage, tokens: Int32Array, grid: Grid, masked: MaskedCells): Promise<RawImage> {
  if (masked === 'held' || !tokens.includes(-1)) return guess
  const blurred = masked === 'blurred' ? await blur(guess, grid) : undefined
  const side = (guess.width / grid.columns) * 3 // bytes of one row of a cell
  const height = guess.height / grid.rows
  const stride = guess.width * 3
  tokens.forEach((token, cell) => {
    if (token !== -1) return
    const start = Math.floor(cell / grid.columns) * height * stride + (cell % grid.columns) * side
    for (let at = start; at < start + height * stride; at += stride) {
      if (blurred) guess.data.set(blurred.subarray(at, at + side), at)
      else guess.data.fill(127, at, at + side)
    }
  })
  return guess
}

// One pixel per cell, and back up.
async function blur(image: RawImage, grid: Grid): Promise<Uint8Array> {
  const { width, height } = image
  const small = await settle(() => binding().resize(image.data, 3, width, height, grid.columns, grid.rows, 'box'))
  return settle(() => binding().resize(small, 3, grid.columns, grid.rows, width, height, 'bicubic'))
}
