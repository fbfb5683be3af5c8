// Original pixels back where nothing was drawn, with a seam over which both blend. In lines, with pauses for the event loop.
import type { NativeOutcome } from '../binding.js'
import { breathe } from '../breathe.js'
import type { RawImage } from '../image/raw.js'
import type { Composite, ImagePlan } from './context.js'

/** The picture that was drawn, but for the cells whose tokens are still the given ones. */
export async function compose(
  { request }: ImagePlan,
  { tokens, pixels, width, height }: NativeOutcome['images'][0],
  { original, feather }: Composite,
  signal: AbortSignal,
): Promise<RawImage> {
  const { cells, rows, columns } = request
  const drawn = cells.map((cell, i) => (cell === -1 || cell !== tokens[i] ? 1 : 0))
  const distance = await distances(drawn, width / columns, { width, height, columns, rows }, feather)
  const data = Uint8Array.from(pixels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const far = distance[y * width + x]!
      if (far === 0) continue
      // 0 on the drawn side of the seam, 1 on the other.
      const share = Math.min(1, far / (feather + 1))
      for (let at = (y * width + x) * 3; at < (y * width + x) * 3 + 3; at++) {
        data[at] = Math.round(data[at]! + (original.data[at]! - data[at]!) * share)
      }
    }
    await breathe()
    signal.throwIfAborted()
  }
  return { data, width, height, channels: 3 }
}

interface Shape {
  readonly width: number
  readonly height: number
  readonly columns: number
  readonly rows: number
}

// Pixels to the nearest drawn cell (the larger of dx and dy), at most feather + 1: two sweeps over the picture, each pixel one more
// than its nearest neighbour of the eight.
async function distances(drawn: Int32Array, side: number, { width, height, columns }: Shape, feather: number): Promise<Uint16Array> {
  const most = feather + 1
  const stride = width + 2 // a border of one pixel all around
  const found = new Uint16Array(stride * (height + 2)).fill(most)
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / side) * columns
    const line = (y + 1) * stride + 1
    for (let column = 0; column < columns; column++) {
      if (drawn[row + column] === 1) found.fill(0, line + column * side, line + (column + 1) * side)
    }
  }
  const sweep = async (down: boolean): Promise<void> => {
    const [step, across] = down ? [-1, -stride] : [1, stride]
    for (let i = 0; i < height; i++) {
      const line = (down ? i + 1 : height - i) * stride
      for (let j = 0; j < width; j++) {
        const at = line + (down ? j + 1 : width - j)
        const near = Math.min(found[at + step]!, found[at + across - 1]!, found[at + across]!, found[at + across + 1]!)
        if (near + 1 < found[at]!) found[at] = near + 1
      }
      await breathe()
    }
  }
  await sweep(true)
  await sweep(false)
  const all = new Uint16Array(width * height)
  for (let y = 0; y < height; y++) all.set(found.subarray((y + 1) * stride + 1, (y + 1) * stride + 1 + width), y * width)
  return all
}
