// The cache as Python's huggingface_hub lays it out, so that what either has fetched serves both:
//   models--owner--repo/blobs/<etag>              contents, by the SHA-256 of files in LFS and git's id of others
//   models--owner--repo/snapshots/<commit>/<path> links to them
//   models--owner--repo/refs/<revision>           the commit that a branch or tag stood for when it was last asked
//   models--owner--repo/trees/<commit>.json       what a commit holds
// Locks lie in .locks/models--owner--repo/.
import { randomUUID } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { copyFile, link, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { etagOf, isCommit, type RemoteFile } from './listing.js'
import { outputError } from '../base/output-error.js'
import { isSafePath } from './reference.js'

const TREE_VERSION = 1

export class RepoCache {
  readonly folder: string
  readonly #locks: string

  constructor(cache: string, repo: string) {
    const name = `models--${repo.replace('/', '--')}`
    this.folder = path.join(cache, name)
    this.#locks = path.join(cache, '.locks', name)
  }

  blobPath(etag: string): string {
    return path.join(this.folder, 'blobs', etag)
  }

  snapshotPath(commit: string, file = ''): string {
    return path.join(this.folder, 'snapshots', commit, ...file.split('/'))
  }

  /** Not `<etag>.lock`, which is Python's, of another kind. */
  lockPath(etag: string): string {
    return path.join(this.#locks, `${etag}.dimoo`)
  }

  get locks(): string {
    return this.#locks
  }

  /** The commit that a revision is known to stand for. */
  async readRef(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision
    const text = await readFile(path.join(this.folder, 'refs', ...revision.split('/')), 'utf8').catch(() => '')
    return isCommit(text.trim()) ? text.trim() : undefined
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.readRef(revision)) === commit) return
    await writeWhole(path.join(this.folder, 'refs', ...revision.split('/')), commit)
  }

  async readTree(commit: string): Promise<RemoteFile[] | undefined> {
    const text = await readFile(this.#treePath(commit), 'utf8').catch(() => '')
    try {
      const { format_version: version, files } = JSON.parse(text) as { format_version: number; files: Record<string, TreeEntry> }
      const entries = Object.entries(files)
      if (version !== TREE_VERSION || !entries.every(([name]) => isSafePath(name))) return undefined
      return entries.map(([name, { size, blob_id: blobId, lfs_sha256: sha256, lfs_size: bytes }]) => ({
        path: name,
        bytes: bytes ?? size,
        blobId,
        ...(sha256 !== undefined && { sha256 }),
      }))
    } catch {
      return undefined // none, or of a form that we do not know
    }
  }

  /** What a snapshot links to, where nobody kept a list: by its files and the names of their contents. */
  async readSnapshot(commit: string): Promise<RemoteFile[] | undefined> {
    const folder = this.snapshotPath(commit)
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => undefined)
    const files = entries?.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name))
    return files && Promise.all(files.filter(existsSync).map((file) => snapshotFile(folder, file)))
  }

  async writeTree(commit: string, files: readonly RemoteFile[]): Promise<void> {
    const entry = ({ bytes, blobId, sha256 }: RemoteFile): TreeEntry => ({
      size: bytes,
      blob_id: blobId,
      ...(sha256 !== undefined && { lfs_sha256: sha256, lfs_size: bytes }),
    })
    const json = { format_version: TREE_VERSION, files: Object.fromEntries(files.map((file) => [file.path, entry(file)])) }
    await writeWhole(this.#treePath(commit), JSON.stringify(json))
  }

  /** Whether the content of a file is in the cache, in whole. */
  holds(commit: string, file: RemoteFile): boolean {
    return existsSync(this.blobPath(etagOf(file))) || this.isLinked(commit, file)
  }

  /** Whether the snapshot has the file. */
  isLinked(commit: string, file: RemoteFile): boolean {
    return existsSync(this.snapshotPath(commit, file.path))
  }

  /** The snapshot's path becomes another name of the content: a relative link, or, where a system allows none, a hard one or a copy. */
  async link(commit: string, file: RemoteFile): Promise<void> {
    const at = this.snapshotPath(commit, file.path)
    const blob = this.blobPath(etagOf(file))
    if (isSame(at, blob)) return
    try {
      await mkdir(path.dirname(at), { recursive: true })
      if (await lstat(at).catch(() => undefined)) await rm(at) // a link to what is gone
      await symlink(path.relative(path.dirname(at), blob), at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') return // another process was faster
      if (code !== 'EPERM' && code !== 'ENOSYS' && code !== 'ENOTSUP' && code !== 'UNKNOWN') throw outputError(error, at)
      await link(blob, at).catch(() => copyFile(blob, at))
    }
  }

  #treePath(commit: string): string {
    return path.join(this.folder, 'trees', `${commit}.json`)
  }
}

interface TreeEntry {
  readonly size: number
  readonly blob_id: string
  readonly lfs_sha256?: string
  readonly lfs_size?: number
}

async function snapshotFile(folder: string, file: string): Promise<RemoteFile> {
  const name = path.basename(await readlink(file).catch(() => ''))
  const { size } = await stat(file)
  const found = { path: path.relative(folder, file).split(path.sep).join('/'), bytes: size, blobId: name }
  return name.length === 64 ? { ...found, sha256: name } : found
}

function isSame(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b)
  } catch {
    return false
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  const fresh = `${file}.${randomUUID().slice(0, 8)}.tmp`
  try {
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(fresh, text)
    await rename(fresh, file)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined)
    throw outputError(error, file)
  }
}
