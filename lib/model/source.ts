// Where weights come from: a .gguf file, a folder in the Hugging Face layout, a model on the Hub, or the embedded miniature. Whether the
// path is a model is the core's to say.
import { emitWarning } from 'node:process'
import path from 'node:path'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../base/package-root.js'
import { DimooError, invalid } from '../base/errors.js'
import { quote, show } from '../base/show.js'
import type { Progress } from '../base/progress.js'

/** A directory (Hugging Face layout) or a .gguf file, as a path or a `file:` URL; or `hf:owner/repo[/file][@revision]`, which is fetched. */
export type ModelSource = string | URL

/** The miniature that comes with the package. */
export const embeddedModel = path.join(packageRoot, 'models', 'miniature.gguf')

export interface SourceControl {
  readonly signal?: AbortSignal | undefined
  /** Of a download. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly warn?: ((details: object, message: string) => void) | undefined
}

/** The absolute path, after a download where the source is on the Hub (`hub/*`, `output/failed`); else as `resolveSource`. */
export async function findSource(source: ModelSource | undefined, { signal, onProgress, warn }: SourceControl = {}): Promise<string> {
  if (typeof source !== 'string' || !source.startsWith('hf:')) return resolveSource(source)
  const { pullModel } = await import('../hub/index.js')
  const { path: found, offline, commit } = await pullModel(source, { ...(signal && { signal }), ...(onProgress && { onProgress }) })
  if (offline) {
    const message = `${quote(source)}: the hub was not asked or did not answer; using commit ${commit} from the cache`
    if (warn) warn({ source, commit }, message)
    else emitWarning(message, 'DimooWarning')
  }
  return found
}

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
    throw invalid(`source must be a path, or 'hf:${quote(source)}' for the model of that name on the Hub, got '${quote(source)}'`)
  }
  return existing(source)
}

// What is there but may not be looked at.
const UNREADABLE = ['EACCES', 'EPERM', 'ELOOP', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM']

function existing(source: string): string {
  try {
    if (statSync(source, { throwIfNoEntry: false })) return path.resolve(source)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (UNREADABLE.includes(code ?? ''))
      throw new DimooError('model/unreadable', `source: cannot look at ${quote(source)} (${quote(message)})`, { cause: error })
  }
  throw new DimooError('model/not-found', `source: expected a .gguf file or a folder with config.json, got nothing at ${quote(source)}`)
}

function filePath(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw invalid(`source must be a path or a file: URL of this machine, got ${quote(url.href)} (${quote((error as Error).message)})`)
  }
}
