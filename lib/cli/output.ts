// Files that appear complete or not at all: written beside their place, then renamed.
import { randomBytes } from 'node:crypto'
import { access, constants, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DimooError, invalid } from '../base/errors.js'
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
  if (!format) throw invalid(`output must end in ${Object.keys(FORMATS).join(', ')}, got '${file}'`)
  return format
}

/** `out.png` for one file, `out-1.png`, `out-2.png`, ... for several. */
export function outputNames(file: string, count: number): string[] {
  if (count === 1) return [file]
  const { dir, name, ext } = path.parse(file)
  return Array.from({ length: count }, (_, i) => path.join(dir, `${name}-${i + 1}${ext}`))
}

/** Says before the work starts that its output could not be written. */
export async function checkWritable(file: string): Promise<void> {
  const folder = path.dirname(path.resolve(file))
  await access(folder, constants.W_OK).catch((error: unknown) => fail(file, error as Error))
  const there = await stat(file).catch(() => undefined)
  if (there && !there.isFile()) fail(file, new Error('there is something that is no plain file'))
}

export async function writeOutput(file: string, bytes: Uint8Array): Promise<void> {
  // A link stays a link: its file is replaced.
  const target = await realpath(file).catch(() => file)
  const part = path.join(path.dirname(target), `.dimoo-${randomBytes(8).toString('hex')}`)
  try {
    await writeFile(part, bytes)
    await rename(part, target)
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined)
    fail(file, error as Error)
  }
}

function fail(file: string, error: Error): never {
  throw new DimooError('output/failed', `output: cannot write ${file} (${error.message})`, { cause: error })
}
