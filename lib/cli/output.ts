// Where pictures go: the formats that names ask for, and one name a picture.
import path from 'node:path'
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { ImageFormat } from '../image/encode.js'

const FORMATS: Readonly<Record<string, ImageFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
}

/** The format that the extension names. */
export function formatOf(file: string): ImageFormat {
  const format = FORMATS[path.extname(file).toLowerCase()]
  if (!format) throw invalid(`output must end in ${Object.keys(FORMATS).join(', ')}, got ${show(file)}`)
  return format
}

/** `out.png` for one file, `out-1.png`, `out-2.png`, ... for several. */
export function outputNames(file: string, count: number): string[] {
  if (count === 1) return [file]
  const { dir, name, ext } = path.parse(file)
  return Array.from({ length: count }, (_, i) => path.join(dir, `${name}-${i + 1}${ext}`))
}
