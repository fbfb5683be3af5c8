// Drafts: a picture from codes without the network, one small patch per code out of a table (`vq.preview`).
import type { RawImage } from './raw.js'

/** Pixels per cell side of a draft. */
export const PATCH = 4
const LINE = PATCH * 3 // bytes of one row of a patch
const GREY = 127

/** `codes` row by row, -1 where there is none (grey); `table` is (codebook, 4, 4, 3). The picture is 4 pixels a cell. */
export function drawDraft(table: Uint8Array, codes: Int32Array, rows: number, columns: number): RawImage & { readonly channels: 3 } {
  const stride = columns * LINE
  const data = new Uint8Array(rows * PATCH * stride)
  codes.forEach((code, cell) => {
    const corner = Math.floor(cell / columns) * PATCH * stride + (cell % columns) * LINE
    for (let y = 0; y < PATCH; y++) {
      const at = corner + y * stride
      if (code < 0) data.fill(GREY, at, at + LINE)
      else data.set(table.subarray((code * PATCH + y) * LINE, (code * PATCH + y + 1) * LINE), at)
    }
  })
  return { data, width: columns * PATCH, height: rows * PATCH, channels: 3 }
}
