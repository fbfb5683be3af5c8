// A picture in the terminal: two pixels to a character (the upper half block), in true colour.
import { binding } from '../native/binding.js'
import type { RawImage } from '../fields/values.js'
import { settle } from '../native/job.js'

/** Lines of text at most `columns` characters wide and `lines` high; larger pictures are scaled down. */
export async function halfBlocks(image: RawImage, columns: number, lines: number): Promise<string[]> {
  const factor = Math.min(1, columns / image.width, (2 * lines) / image.height)
  const width = Math.max(1, Math.floor(image.width * factor))
  const height = Math.max(2, 2 * Math.floor((image.height * factor) / 2))
  const same = width === image.width && height === image.height
  const data = same ? image.data : await settle(() => binding().resize(image.data, 3, image.width, image.height, width, height, 'box'))
  const colour = (x: number, y: number): string => data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3).join(';')
  return Array.from({ length: height / 2 }, (_, line) => {
    const cells = Array.from({ length: width }, (_, x) => `\x1b[38;2;${colour(x, 2 * line)}m\x1b[48;2;${colour(x, 2 * line + 1)}m▀`)
    return `${cells.join('')}\x1b[0m`
  })
}
