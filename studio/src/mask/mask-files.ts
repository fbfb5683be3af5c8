// Masks as pictures: white is drawn anew, at the size of the given picture.
import type { Size } from '../pictures/picture.js'
import type { Grid } from '../stage/cells.js'
import type { Cells } from './mask.js'

export async function maskFile(cells: Cells, grid: Grid, { width, height }: Size): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')!
  context.fillStyle = '#000'
  context.fillRect(0, 0, width, height)
  context.fillStyle = '#fff'
  // Whole pixels inside of the cell: a pixel that touches a cell takes all of it.
  for (const cell of cells) {
    const [x, y] = [cell % grid.width, Math.floor(cell / grid.width)]
    const [left, top] = [Math.ceil((x * width) / grid.width), Math.ceil((y * height) / grid.height)]
    const [right, bottom] = [Math.floor(((x + 1) * width) / grid.width), Math.floor(((y + 1) * height) / grid.height)]
    context.fillRect(left, top, right - left, bottom - top)
  }
  return canvas.convertToBlob({ type: 'image/png' })
}

/** Cells with anything white (or transparent, where anything is) in them. */
export async function cellsOfMask(file: Blob, grid: Grid): Promise<Cells> {
  const bitmap = await createImageBitmap(file)
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(bitmap, 0, 0)
  const { data, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height)
  bitmap.close()
  const byAlpha = data.some((value, i) => i % 4 === 3 && value < 255)
  const found = new Set<number>()
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = 4 * pixel
    const luminance = 299 * data[at]! + 587 * data[at + 1]! + 114 * data[at + 2]!
    if (byAlpha ? data[at + 3]! >= 128 : luminance < 128_000) continue
    const x = Math.floor(((pixel % width) * grid.width) / width)
    const y = Math.floor((Math.floor(pixel / width) * grid.height) / height)
    found.add(y * grid.width + x)
  }
  return found
}
