// `--size WxH` is width and height.
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'

export const SIZE_HELP = "width and height in pixels, multiples of the model's cell"

export function parseSize(text: string | undefined): { width?: number; height?: number } {
  if (text === undefined) return {}
  const match = /^(\d+)x(\d+)$/.exec(text)
  if (!match) throw invalid(`--size must be WxH such as 1024x768, got ${show(text)}`)
  return { width: Number(match[1]), height: Number(match[2]) }
}
