// Which files of a repository are fetched. Pickles never are: loading one would run what its author wrote into it.
import { DimooError, invalid } from '../base/errors.js'
import type { RemoteFile } from './listing.js'

export interface Wanted {
  /** A file with the other shards of its kind, or everything below a folder. */
  readonly path?: string | undefined
  /** Patterns of which one must fit (`*` is any text, slashes too; `?` one character; `[ab]` one of these). Default: everything. */
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
}

export interface Selection {
  readonly files: readonly RemoteFile[]
  /** Pickles that were left out. */
  readonly refused: readonly string[]
}

const PICKLES = /\.(?:bin|pt|pth|ckpt|pkl|pickle|dill|joblib|npy|npz|mar|nemo)$/i
export const isPickle = (file: string): boolean => PICKLES.test(file)
const SHARD = /-(\d{5})-of-(\d{5})(?=\.[a-z]+$)/

/** `model/not-found` where nothing fits, `request/invalid` where only pickles do. */
export function select(files: readonly RemoteFile[], { path, include, exclude = [] }: Wanted, what: string): Selection {
  const fits = (patterns: readonly string[], file: RemoteFile): boolean => patterns.some((pattern) => matcher(pattern).test(file.path))
  const asked = files
    .filter((file) => path === undefined || file.path === path || file.path.startsWith(`${path}/`) || isShardOf(file.path, path))
    .filter((file) => include === undefined || fits(include, file))
    .filter((file) => !fits(exclude, file))
  const refused = asked.filter((file) => isPickle(file.path)).map((file) => file.path)
  const chosen = asked.filter((file) => !isPickle(file.path))
  if (chosen.length > 0) return { files: chosen, refused }
  if (refused.length > 0) throw invalid(`${what}: pickles are not fetched, since loading one runs code: ${refused.slice(0, 3).join(', ')}`)
  throw new DimooError('model/not-found', `${what}: expected one of the repository's files, got ${nearest(files)}`)
}

/** What a load needs of a repository that no file of was named: its folder layout without anything else, or its one GGUF file. */
export function modelPaths(files: readonly RemoteFile[], what: string): Wanted {
  const paths = files.map((file) => file.path)
  if (paths.includes('config.json')) return { include: ['*.json', '*.safetensors', '*.txt'] }
  const models = paths.filter((path) => path.endsWith('.gguf') && (SHARD.exec(path)?.[1] ?? '00001') === '00001')
  if (models.length === 1) return { path: models[0]! }
  if (models.length === 0)
    throw new DimooError('model/not-found', `${what}: expected a config.json or a .gguf file in it, got ${nearest(files)}`)
  throw invalid(`${what}: expected the name of one of its files after it, such as ${what}/${models[0]!}, got none of ${models.join(', ')}`)
}

function nearest(files: readonly RemoteFile[]): string {
  const models = files.filter(({ path }) => /\.(?:gguf|safetensors)$/.test(path))
  const shown = (models.length > 0 ? models : files).map(({ path }) => path)
  return shown.length === 0 ? 'none in it' : `no such; it holds ${shown.slice(0, 8).join(', ')}${shown.length > 8 ? ', ...' : ''}`
}

/** `x-00001-of-00003.gguf` brings the other two. */
function isShardOf(file: string, path: string): boolean {
  const stem = (name: string): string | undefined =>
    SHARD.test(name) ? name.replace(SHARD, (_, __, count: string) => `-of-${count}`) : undefined
  const wanted = stem(path)
  return wanted !== undefined && stem(file) === wanted
}

function matcher(pattern: string): RegExp {
  const source = pattern.replace(/\[[^\]]+\]|[*?]|[.+^${}()|[\]\\/]/g, (part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    return part.length > 1 ? part.replace('[!', '[^').replaceAll('\\', '\\\\') : `\\${part}`
  })
  return new RegExp(`^${source.endsWith('/') ? `${source}.*` : source}$`, 's')
}
