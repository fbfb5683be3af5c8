// What a repository holds at a revision: its commit and, for every file, length and hash. Nothing that a hub says is believed unchecked:
// paths become paths of this machine, hashes names of files.
import type { HubHttp } from './http.js'
import { HubFailure } from './failure.js'
import { persist, type Patience } from './patience.js'
import { isSafePath } from './reference.js'

export interface RemoteFile {
  /** With slashes. */
  readonly path: string
  readonly bytes: number
  /** Git's id: SHA-1 over "blob <bytes>\0" and the content, of the pointer where the file lies in LFS. */
  readonly blobId: string
  /** Of files in LFS. */
  readonly sha256?: string
}

/** The name of the file's content in the cache: what the hub gives as its ETag. */
export function etagOf({ sha256, blobId }: RemoteFile): string {
  return sha256 ?? blobId
}

interface Control {
  readonly patience: Patience
  readonly signal?: AbortSignal | undefined
}

const MAX_FILES = 100_000
const SHA1 = /^[0-9a-f]{40}$/
const SHA256 = /^[0-9a-f]{64}$/

export function isCommit(revision: string): boolean {
  return SHA1.test(revision)
}

/** The commit that a branch, tag or abbreviated commit stands for. */
export async function findCommit(http: HubHttp, repo: string, revision: string, { patience, signal }: Control): Promise<string> {
  const url = `${http.endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}`
  const { value } = await persist(() => http.json(url, signal), patience, signal)
  const { sha } = (value ?? {}) as { sha?: unknown }
  if (typeof sha !== 'string' || !isCommit(sha)) throw strange(url, `a commit of 40 hexadecimal digits, got ${JSON.stringify(sha)}`)
  return sha
}

/** Every file of a commit, over as many pages as it takes. */
export async function listFiles(http: HubHttp, repo: string, commit: string, { patience, signal }: Control): Promise<RemoteFile[]> {
  const first = `${http.endpoint}/api/models/${repo}/tree/${commit}`
  const files: RemoteFile[] = []
  const seen = new Set<string>()
  let query: string | undefined = '?recursive=true'
  while (query !== undefined) {
    const url: string = first + query
    if (seen.has(query)) throw strange(url, 'another page than one that was given before')
    seen.add(query)
    const { value, headers } = await persist(() => http.json(url, signal), patience, signal)
    if (!Array.isArray(value)) throw strange(url, 'a list of files')
    files.push(...value.filter(isFile).map((entry) => readFile(entry, url)))
    if (files.length > MAX_FILES) throw strange(url, `at most ${MAX_FILES} files`)
    query = nextQuery(headers['link'])
  }
  return files
}

function isFile(entry: unknown): boolean {
  return (entry as { type?: unknown } | null)?.type !== 'directory'
}

function readFile(entry: unknown, url: string): RemoteFile {
  const { path, size, oid, lfs } = (entry ?? {}) as {
    path?: unknown
    size?: unknown
    oid?: unknown
    lfs?: { oid?: unknown; size?: unknown }
  }
  const bytes = lfs?.size ?? size
  if (typeof path !== 'string' || !isSafePath(path)) throw strange(url, `paths below a folder, got ${JSON.stringify(path)}`)
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) throw strange(url, `${path}: a length, got ${JSON.stringify(bytes)}`)
  if (typeof oid !== 'string' || !SHA1.test(oid)) throw strange(url, `${path}: git's id, got ${JSON.stringify(oid)}`)
  if (lfs === undefined) return { path, bytes: bytes as number, blobId: oid }
  const sha256 = lfs.oid
  if (typeof sha256 !== 'string' || !SHA256.test(sha256)) throw strange(url, `${path}: a SHA-256, got ${JSON.stringify(sha256)}`)
  return { path, bytes: bytes as number, blobId: oid, sha256 }
}

// Only its query is taken: a mirror's next page may name the hub behind it, whom our token and our path are not for.
function nextQuery(link: string | undefined): string | undefined {
  const [, address] = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '') ?? []
  return address === undefined ? undefined : new URL(address, 'http://hub').search
}

function strange(url: string, expected: string): HubFailure {
  return new HubFailure(`expected ${expected}`, { url, final: true })
}
