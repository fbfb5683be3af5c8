// Drafts: a picture from codes without the network, one small patch per code out of a table (`vq.preview`).
import type { RawImage } from '../fields/values.js'
import type { Grid } from './region.js'

/** Pixels per cell side of a draft. */
export const PATCH = 4
const LINE = PATCH * 3 // bytes of one line of a patch
const GREY = 127

/** `codes` row by row, -1 where there is none (grey); `table` is (codebook, 4, 4, 3). The picture is 4 pixels a cell. */
export function drawDraft(table: Uint8Array, codes: Int32Array, grid: Grid): RawImage & { readonly channels: 3 } {
  const stride = grid.width * LINE
  const data = new Uint8Array(grid.height * PATCH * stride)
  codes.forEach((code, cell) => {
    const corner = Math.floor(cell / grid.width) * PATCH * stride + (cell % grid.width) * LINE
    for (let y = 0; y < PATCH; y++) {
      const at = corner + y * stride
      if (code < 0) data.fill(GREY, at, at + LINE)
      else data.set(table.subarray((code * PATCH + y) * LINE, (code * PATCH + y + 1) * LINE), at)
    }
  })
  return { data, width: grid.width * PATCH, height: grid.height * PATCH, channels: 3 }
}
