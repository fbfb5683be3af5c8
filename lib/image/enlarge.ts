// Small pictures for people to look at: every pixel as a square, nothing smoothed.
import type { RawImage } from '../fields/values.js'

/** The picture `scale` times as wide and as high. */
export function enlarge(image: RawImage, scale: number): RawImage {
  if (scale === 1) return image
  const { data, width, height, channels } = image
  const line = width * scale * channels
  const large = new Uint8Array(line * height * scale)
  for (let y = 0; y < height; y++) {
    const top = y * scale * line
    for (let x = 0; x < width; x++) {
      const pixel = data.subarray((y * width + x) * channels, (y * width + x + 1) * channels)
      for (let i = 0; i < scale; i++) large.set(pixel, top + (x * scale + i) * channels)
    }
    for (let i = 1; i < scale; i++) large.copyWithin(top + i * line, top, top + line)
  }
  return { data: large, width: width * scale, height: height * scale, channels }
}
