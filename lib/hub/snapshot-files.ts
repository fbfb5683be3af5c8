// What the hub said of the files of a snapshot: the list that a pull, ours or Python's, kept beside it.
import path from 'node:path'
import { RepoCache } from './cache.js'
import { isCommit, type RemoteFile } from './listing.js'
import { isPickle } from './select.js'

export interface SnapshotFile extends RemoteFile {
  /** Where it lies, or would. */
  readonly file: string
}

/** Of a snapshot's folder, or of a file or folder in one; undefined for what is none, or has no list. Pickles are left out. */
export async function hubFilesOf(source: string): Promise<readonly SnapshotFile[] | undefined> {
  const parts = source.split(path.sep)
  const at = parts.lastIndexOf('snapshots')
  const [, owner, name] = /^models--(.+?)--(.+)$/.exec(parts[at - 1] ?? '') ?? []
  const commit = parts[at + 1] ?? ''
  if (owner === undefined || name === undefined || !isCommit(commit)) return undefined
  const cache = new RepoCache(parts.slice(0, at - 1).join(path.sep), `${owner}/${name}`)
  const files = await cache.readTree(commit)
  const inside = parts.slice(at + 2).join('/')
  return files
    ?.filter((one) => !isPickle(one.path) && (inside === '' || one.path === inside || one.path.startsWith(`${inside}/`)))
    .map((one) => ({ ...one, file: cache.snapshotPath(commit, one.path) }))
}
