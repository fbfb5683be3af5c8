// From a reference to a snapshot in the cache: whole and verified, or an error that says what is wrong. What is there already, from an
// earlier pull or from Python's huggingface_hub, is not fetched again.
import { mkdir, statfs } from 'node:fs/promises'
import { DimooError } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import { boolean, integer, list, local, text, type Fields } from '../fields/field.js'
import { fetchBlob } from './blob.js'
import { RepoCache } from './cache.js'
import { explain, HubFailure } from './failure.js'
import { HubHttp } from './http.js'
import { etagOf, findCommit, isCommit, listFiles, type RemoteFile } from './listing.js'
import { outputError } from '../base/output-error.js'
import { PartFile } from './part-file.js'
import { PATIENCE, Slots, type Patience } from './patience.js'
import { Tally, type PullProgress } from './progress.js'
import { parseReference, referenceText, type Reference } from './reference.js'
import { modelPaths, select, type Selection, type Wanted } from './select.js'
import { hubSettings, type HubOptions, type HubSettings } from './settings.js'

/** What can be said about fetching a model. */
export interface PullOptions extends HubOptions {
  /** One file, or everything below a folder; with one shard come all. Also `hf:owner/repo/file`. */
  readonly file?: string
  /** Patterns as of Python's fnmatch, e.g. '*.gguf'. Default: everything. Pickles are never fetched. */
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  /** Transfers at once, 1 to 16. Default 4. */
  readonly connections?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: PullProgress) => void
}

/** One file of a model that was fetched. */
export interface PulledFile {
  /** In the repository. */
  readonly path: string
  readonly bytes: number
  /** Of files in LFS; others are verified by git's id. */
  readonly sha256?: string
}

/** What was fetched, and where it lies. */
export interface PullReport {
  readonly repo: string
  readonly revision: string
  readonly commit: string
  /** The snapshot's folder, or the file or folder in it that was asked for: what `loadModel` takes. */
  readonly path: string
  readonly files: readonly PulledFile[]
  readonly bytes: number
  /** What came over the network. */
  readonly fetchedBytes: number
  /** Pickles of the repository, which were left out. */
  readonly refused: readonly string[]
  /** The hub could not be asked, or was not to be: what the cache holds of the revision was taken. */
  readonly offline: boolean
  readonly seconds: number
}

const MAX_CONNECTIONS = 16

export const PULL_FIELDS: Fields = {
  file: text({ summary: 'Only this file, with its other shards, or this folder.', flag: { value: 'path' } }),
  include: list(text({ summary: 'A pattern.' }), {
    max: 1000,
    summary: 'Only files that fit one of these patterns.',
    flag: { value: 'glob', help: 'only files that fit this pattern' },
  }),
  exclude: list(text({ summary: 'A pattern.' }), {
    max: 1000,
    summary: 'No files that fit one of these patterns.',
    flag: { value: 'glob', help: 'no files that fit this pattern' },
  }),
  connections: integer(1, MAX_CONNECTIONS, { summary: 'Transfers at once.', default: { value: 4 } }),
  endpoint: text({ summary: 'A mirror.', default: { words: 'HF_ENDPOINT, or https://huggingface.co' }, flag: { value: 'url' } }),
  cache: text({ summary: 'Folder of the cache.', default: { words: 'HF_HUB_CACHE, or HF_HOME/hub' }, flag: { value: 'folder' } }),
  token: text({ summary: 'Opens private and gated models.', default: { words: 'HF_TOKEN' }, flag: { form: 'none' } }),
  offline: boolean({ summary: 'Ask nothing of the hub.', default: { words: 'HF_HUB_OFFLINE' } }),
  signal: local('signal', 'Aborts the transfer; the same call goes on where it was.'),
  onProgress: local('function', 'Told how far it is.'),
}

/**
 * Fetches a model: `owner/repo`, `owner/repo@revision`, `hf:owner/repo/file.gguf`. A pull that was cut, even by a kill, goes on where it was.
 * Rejects with `hub/unavailable`, `hub/denied` (private, gated, or no such repository), `hub/mismatch` (other bytes than promised),
 * `model/not-found` (no such revision or file), `output/failed` (disk full), `request/invalid`, or `signal.reason`.
 */
export function pull(reference: string, options: PullOptions = {}): Promise<PullReport> {
  return pullWith(reference, options, PATIENCE)
}

/** Only what a load of this reference needs. `path` of the report is what to load. */
export function pullModel(reference: string, options: PullOptions = {}): Promise<PullReport> {
  return pullWith(reference, options, PATIENCE, true)
}

/** @internal `patience`: tests have less of it. `forLoad`: no more than a load needs. */
export async function pullWith(reference: string, options: PullOptions, patience: Patience, forLoad = false): Promise<PullReport> {
  checkOptions('pull', options, { fields: PULL_FIELDS })
  options.signal?.throwIfAborted()
  const started = performance.now()
  const parsed = parseReference(reference)
  const wanted = options.file === undefined ? parsed : { ...parsed, path: options.file.replace(/^\/+|\/+$/g, '') }
  const pulling = new Pull(wanted, options, patience, forLoad)
  try {
    const report = await pulling.run()
    return { ...report, seconds: (performance.now() - started) / 1000 }
  } catch (error) {
    options.signal?.throwIfAborted()
    throw explain(error, referenceText(wanted))
  } finally {
    await pulling.close()
  }
}

interface Commit {
  readonly commit: string
  readonly files: readonly RemoteFile[]
  readonly offline: boolean
}

class Pull {
  readonly #reference: Reference
  readonly #options: PullOptions
  readonly #settings: HubSettings
  readonly #patience: Patience
  readonly #cache: RepoCache
  readonly #forLoad: boolean
  #http: HubHttp | undefined

  constructor(reference: Reference, options: PullOptions, patience: Patience, forLoad: boolean) {
    this.#forLoad = forLoad
    this.#reference = reference
    this.#options = options
    this.#patience = patience
    this.#settings = hubSettings(options)
    this.#cache = new RepoCache(this.#settings.cache, reference.repo)
  }

  async run(): Promise<Omit<PullReport, 'seconds'>> {
    const { repo, revision } = this.#reference
    const { commit, files, offline } = await this.#list()
    const wanted = this.#wanted(files)
    const selection = select(files, wanted, referenceText(this.#reference))
    const missing = selection.files.filter((file) => !this.#cache.holds(commit, file))
    if (offline && missing.length > 0) throw this.#incomplete(missing)
    const fetchedBytes = await this.#fetch(commit, selection, missing)
    if (!offline) await this.#cache.writeRef(revision, commit)
    return {
      repo,
      revision,
      commit,
      path: this.#cache.snapshotPath(commit, wanted.path ?? ''),
      files: selection.files.map(({ path: name, bytes, sha256 }) => ({ path: name, bytes, ...(sha256 !== undefined && { sha256 }) })),
      bytes: selection.files.reduce((sum, { bytes }) => sum + bytes, 0),
      fetchedBytes,
      refused: selection.refused,
      offline,
    }
  }

  async close(): Promise<void> {
    await this.#http?.close()
  }

  async #open(): Promise<HubHttp> {
    return (this.#http ??= await HubHttp.open(this.#settings))
  }

  /** From the hub; where it is silent, or not to be asked, what the cache knows of the revision. */
  async #list(): Promise<Commit> {
    const { revision } = this.#reference
    const { offline } = this.#settings
    const known = await this.#cache.readRef(revision)
    const files =
      known === undefined
        ? undefined
        : ((await this.#cache.readTree(known)) ?? (offline ? await this.#cache.readSnapshot(known) : undefined))
    const cached = known !== undefined && files ? { commit: known, files } : undefined
    if (cached && isCommit(revision)) return { ...cached, offline } // a commit never changes
    if (offline) {
      if (cached) return { ...cached, offline }
      throw this.#forbidden('nothing of it is there')
    }
    if (!cached || !this.#isWhole(cached)) return this.#ask(this.#patience)
    try {
      return await this.#ask({ ...this.#patience, retries: 0 })
    } catch (error) {
      if (error instanceof HubFailure && error.passing) return { ...cached, offline: true }
      throw error
    }
  }

  async #ask(patience: Patience): Promise<Commit> {
    const { repo, revision } = this.#reference
    const control = { patience, signal: this.#options.signal }
    const http = await this.#open()
    const commit = isCommit(revision) ? revision : await findCommit(http, repo, revision, control)
    const before = await this.#cache.readTree(commit)
    const files = before ?? (await listFiles(http, repo, commit, control))
    if (!before) await this.#cache.writeTree(commit, files)
    return { commit, files, offline: false }
  }

  #wanted(files: readonly RemoteFile[]): Wanted {
    const { path, repo } = this.#reference
    const { include, exclude } = this.#options
    return this.#forLoad && path === undefined ? modelPaths(files, `hf:${repo}`) : { path, include, exclude }
  }

  #isWhole({ commit, files }: Pick<Commit, 'commit' | 'files'>): boolean {
    try {
      return select(files, this.#wanted(files), '').files.every((file) => this.#cache.holds(commit, file))
    } catch {
      return false // what is wanted is not in it
    }
  }

  /** Fetches what is missing and links everything. Small files come first: what refuses us does it at once. */
  async #fetch(commit: string, { files }: Selection, missing: readonly RemoteFile[]): Promise<number> {
    const { signal, onProgress, connections = 4 } = this.#options
    const tally = new Tally(
      onProgress,
      files.length,
      files.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    for (const file of files.filter((one) => !missing.includes(one))) {
      if (!this.#cache.isLinked(commit, file)) await this.#cache.link(commit, file)
      tally.finish(file.path, file.bytes)
    }
    if (missing.length === 0) return 0
    await this.#checkSpace(missing)
    const http = await this.#open()
    const slots = new Slots(connections)
    const stop = new AbortController()
    const fetchOne = async (file: RemoteFile): Promise<void> => {
      const etag = etagOf(file)
      await fetchBlob({
        http,
        url: `${http.endpoint}/${this.#reference.repo}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`,
        file,
        blob: this.#cache.blobPath(etag),
        lock: this.#cache.lockPath(etag),
        slots,
        connections,
        patience: this.#patience,
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
        onBytes: (loaded, fetched) => tally.set(file.path, loaded, fetched),
      })
      await this.#cache.link(commit, file)
      tally.finish(file.path, file.bytes)
    }
    const queue = [...missing].sort((a, b) => a.bytes - b.bytes)
    let failure: unknown
    const worker = async (): Promise<void> => {
      for (let file = queue.shift(); file !== undefined && failure === undefined; file = queue.shift()) await fetchOne(file)
    }
    const fail = (error: unknown): void => {
      failure ??= error
      stop.abort(error)
    }
    await Promise.all(Array.from({ length: Math.min(connections, queue.length) }, () => worker().catch(fail)))
    if (failure !== undefined) throw failure as Error
    return tally.fetched
  }

  /** Refused before the first byte, with both numbers. */
  async #checkSpace(missing: readonly RemoteFile[]): Promise<void> {
    const { cache } = this.#settings
    await mkdir(cache, { recursive: true }).catch((error: unknown) => {
      throw outputError(error, cache)
    })
    const there = await Promise.all(missing.map((file) => PartFile.loadedBytes(this.#cache.blobPath(etagOf(file)))))
    const needed = missing.reduce((sum, { bytes }) => sum + bytes, 0) - there.reduce((sum, bytes) => sum + bytes, 0)
    const { bavail, bsize } = await statfs(cache)
    const free = bavail * bsize
    if (needed <= free) return
    throw new DimooError('output/failed', `${cache}: expected room for ${needed} bytes, got ${free}`, {
      details: { requiredBytes: needed, availableBytes: free },
    })
  }

  #incomplete(missing: readonly RemoteFile[]): DimooError {
    const names = missing.map(({ path }) => path)
    return this.#forbidden(`${names.length} of its files are missing: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', ...' : ''}`)
  }

  #forbidden(found: string): DimooError {
    const { repo } = this.#reference
    const { cache, endpoint } = this.#settings
    const text = `${referenceText(this.#reference)}: expected it in ${cache}, since the hub is not to be asked (HF_HUB_OFFLINE); ${found}`
    return new DimooError('hub/unavailable', `${text} (${endpoint}/${repo})`)
  }
}
