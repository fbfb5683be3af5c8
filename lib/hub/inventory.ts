// What the cache holds, by repository and revision, and how it is taken away. Contents that another revision links to stay.
import { readdir, readFile, readlink, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { DimooError } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { text, type Fields } from '../fields/field.js'
import { RepoCache } from './cache.js'
import { isCommit } from './listing.js'
import { isLocked } from '../base/lock.js'
import { outputError } from '../base/output-error.js'
import { parseReference } from './reference.js'
import { isPickle } from './select.js'
import { hubSettings, type HubOptions } from './settings.js'

/** A repository in the cache. */
export interface CachedModel {
  readonly repo: string
  readonly commit: string
  /** Branches and tags that stood for this commit when they were last asked. */
  readonly refs: readonly string[]
  /** The snapshot's folder. */
  readonly path: string
  readonly files: number
  /** Of its contents; what two revisions share counts for both. */
  readonly bytes: number
  /** Files that the commit has, pickles aside, and the snapshot lacks; undefined where nobody kept a list. */
  readonly missing?: number
  /** What lies in it that a model can be loaded from: 'safetensors' (a folder with config.json), paths of GGUF files. */
  readonly models: readonly string[]
  readonly modified: Date
}

/** Which cache is meant. */
export type HubCacheOptions = Pick<HubOptions, 'cache'>

const FIELDS: Fields = { cache: text({ summary: 'Folder of the cache.' }) }
const PREFIX = 'models--'

/** Everything that is in the cache, whoever fetched it, largest first. Empty where there is no cache. */
export async function listPulled(options: HubCacheOptions = {}): Promise<readonly CachedModel[]> {
  checkOptions('listPulled', options, { fields: FIELDS })
  const { cache } = hubSettings(options)
  const repos = (await namesIn(cache)).filter((name) => name.startsWith(PREFIX))
  const found = await Promise.all(repos.map((name) => listRepo(cache, name.slice(PREFIX.length).replace('--', '/'))))
  return found.flat().sort((a, b) => b.bytes - a.bytes)
}

/** What was taken out of the cache. */
export interface RemoveReport {
  readonly repo: string
  readonly commits: readonly string[]
  readonly freedBytes: number
}

/**
 * Takes a repository out of the cache, or one revision of it (`owner/repo@revision`). Rejects with `model/not-found` for what is not there,
 * `request/invalid` while a process is fetching it, `output/failed`.
 */
export async function removePulled(reference: string, options: HubCacheOptions = {}): Promise<RemoveReport> {
  checkOptions('removePulled', options, { fields: FIELDS })
  const { cache: folder } = hubSettings(options)
  const { repo, revision } = parseReference(reference)
  const cache = new RepoCache(folder, repo)
  const models = await listRepo(folder, repo)
  const whole = !reference.includes('@')
  const commit = whole ? undefined : await cache.readRef(revision)
  const gone = models.filter((model) => whole || model.commit === commit)
  if (gone.length === 0 && !(whole && (await stat(cache.folder).catch(() => undefined)))) throw absent(reference, folder, models)
  await refuseBusy(cache, reference)
  const before = await bytesOf(path.join(cache.folder, 'blobs'))
  try {
    if (gone.length === models.length)
      await Promise.all([cache.folder, cache.locks].map((one) => rm(one, { recursive: true, force: true })))
    else await removeCommits(cache, gone)
  } catch (error) {
    throw outputError(error, cache.folder)
  }
  return { repo, commits: gone.map((model) => model.commit), freedBytes: before - (await bytesOf(path.join(cache.folder, 'blobs'))) }
}

async function listRepo(cache: string, repo: string): Promise<CachedModel[]> {
  const repoCache = new RepoCache(cache, repo)
  const commits = (await namesIn(path.join(repoCache.folder, 'snapshots'))).filter(isCommit)
  const refs = await readRefs(path.join(repoCache.folder, 'refs'))
  return Promise.all(commits.map((commit) => listCommit(repoCache, repo, commit, refs)))
}

async function listCommit(cache: RepoCache, repo: string, commit: string, refs: ReadonlyMap<string, string>): Promise<CachedModel> {
  const [files, tree] = [(await cache.readSnapshot(commit)) ?? [], await cache.readTree(commit)]
  const paths = files.map((file) => file.path)
  const folders = paths.filter((file) => path.posix.basename(file) === 'config.json').map((file) => path.posix.dirname(file))
  const weights = folders.filter((folder) => paths.some((file) => path.posix.dirname(file) === folder && file.endsWith('.safetensors')))
  return {
    repo,
    commit,
    refs: [...refs].filter(([, to]) => to === commit).map(([ref]) => ref),
    path: cache.snapshotPath(commit),
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(tree && { missing: tree.filter((file) => !isPickle(file.path) && !paths.includes(file.path)).length }),
    models: [...(weights.includes('.') ? ['safetensors'] : []), ...paths.filter((file) => file.endsWith('.gguf'))],
    modified: (await stat(cache.snapshotPath(commit))).mtime,
  }
}

/** Branches and tags by name; a name may have slashes. */
async function readRefs(folder: string): Promise<Map<string, string>> {
  const refs = new Map<string, string>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    refs.set(path.relative(folder, file).split(path.sep).join('/'), (await readFile(file, 'utf8')).trim())
  }
  return refs
}

async function removeCommits(cache: RepoCache, gone: readonly CachedModel[]): Promise<void> {
  for (const { commit, refs, path: folder } of gone) {
    await rm(folder, { recursive: true, force: true })
    await rm(path.join(cache.folder, 'trees', `${commit}.json`), { force: true })
    for (const ref of refs) await rm(path.join(cache.folder, 'refs', ...ref.split('/')), { force: true })
  }
  const blobs = path.join(cache.folder, 'blobs')
  const used = await linkedBlobs(path.join(cache.folder, 'snapshots'))
  for (const name of await namesIn(blobs)) if (!used.has(name.split('.')[0]!)) await rm(path.join(blobs, name), { force: true })
}

async function linkedBlobs(snapshots: string): Promise<Set<string>> {
  const entries = await readdir(snapshots, { recursive: true, withFileTypes: true }).catch(() => [])
  const links = entries.filter((entry) => entry.isSymbolicLink()).map((entry) => path.join(entry.parentPath, entry.name))
  return new Set(await Promise.all(links.map(async (link) => path.basename(await realpath(link).catch(() => readlink(link))))))
}

async function refuseBusy(cache: RepoCache, reference: string): Promise<void> {
  for (const name of await namesIn(cache.locks)) {
    if (name.endsWith('.dimoo') && (await isLocked(path.join(cache.locks, name)))) {
      throw new DimooError(
        'request/invalid',
        `${reference}: expected a model that nobody is fetching, got one that a process is at work on`,
      )
    }
  }
}

function absent(reference: string, cache: string, models: readonly CachedModel[]): DimooError {
  const there = models.flatMap(({ commit, refs }) => [...refs, commit.slice(0, 12)])
  const text = there.length > 0 ? `there are ${there.join(', ')}` : 'there is nothing of it'
  return new DimooError('model/not-found', `${reference}: expected a model in ${cache}, ${text}`)
}

async function bytesOf(folder: string): Promise<number> {
  const sizes = (await namesIn(folder)).map(async (name) => (await stat(path.join(folder, name)).catch(() => ({ size: 0 }))).size)
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
