// Where weights come from: a .gguf file, a folder in the Hugging Face layout, or the embedded miniature. Paths only; nothing is
// fetched. Whether the path is a model is the core's to say.
import path from 'node:path'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../native/binding.js'
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../fields/validate.js'

/** A directory (Hugging Face layout) or a .gguf file, as a path or a `file:` URL. */
export type ModelSource = string | URL

/** The miniature that comes with the package. */
export const embeddedModel = path.join(packageRoot, 'models', 'miniature.gguf')

/** The absolute path. Throws `model/not-found` for a path that is not there, `request/invalid` for what is no path. */
export function resolveSource(source: ModelSource | undefined): string {
  if (source === undefined) return embeddedModel
  if (source instanceof URL) {
    if (source.protocol !== 'file:') throw invalid(`source must be a path or a file: URL, got one of ${source.protocol}`)
    return existing(filePath(source))
  }
  if (typeof source !== 'string' || source === '') throw invalid(`source must be a path or a file: URL, got ${show(source)}`)
  if (existsSync(source)) return path.resolve(source)
  if (/^[a-z][a-z+.-]+:\/\//i.test(source)) throw invalid(`source must be a path or a file: URL, got ${show(source)}`)
  // 'org/name' that is no path is what people write for a model on the Hub.
  if (/^[\w-][\w.-]*\/[\w.-]+$/.test(source) && !source.endsWith('.gguf') && !existsSync(path.dirname(source))) {
    throw invalid(`source must be a path: models are not fetched from the Hub in this release, got '${source}'; download it first`)
  }
  return existing(source)
}

function existing(source: string): string {
  if (existsSync(source)) return path.resolve(source)
  throw new DimooError('model/not-found', `source: expected a .gguf file or a folder with config.json, got nothing at ${source}`)
}

function filePath(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw invalid(`source must be a path or a file: URL of this machine, got ${url.href} (${(error as Error).message})`)
  }
}
