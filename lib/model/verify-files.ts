// The files of a checkpoint before anything is read from them as a model: what should be there and is not, what is something else, and
// whether they are what the hub promised.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Progress } from '../base/progress.js'
import type { Note } from './findings.js'

interface Control {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

const POINTER = 'version https://git-lfs'
const WEIGHTS = /\.(?:safetensors|gguf)$/

/** Of a folder: everything that can be told from names, sizes and first bytes. Of a file: whether it is the file itself. */
export async function lookAtFiles(source: string, note: Note): Promise<void> {
  const isFolder = (await stat(source)).isDirectory()
  const names = isFolder ? (await readdir(source, { recursive: true })).map(posix) : [path.basename(source)]
  const folder = isFolder ? source : path.dirname(source)
  for (const name of names.filter((one) => WEIGHTS.test(one) || one.endsWith('tokenizer.json'))) await lookAtFile(folder, name, note)
  if (!isFolder) return
  await lookAtShards(folder, names, note)
  if (!names.includes('tokenizer.json')) note('fault', 'files', 'tokenizer.json is missing: no text becomes tokens without it')
  for (const name of names.filter((one) => /(?:\.incomplete|\.part|\.crdownload|\.aria2)$/.test(one))) {
    note('note', 'files', `${name} is the rest of a download that did not end`)
  }
}

async function lookAtFile(folder: string, name: string, note: Note): Promise<void> {
  const file = path.join(folder, name)
  const found = await stat(file).catch(() => undefined)
  if (!found) note('fault', 'files', `${name} is a link to a file that is gone`)
  else if (found.size === 0) note('fault', 'files', `${name} is empty`)
  else if ((await firstBytes(file, POINTER.length)).toString('latin1') === POINTER) {
    note('fault', 'files', `${name} is a pointer of Git LFS, not the file itself: fetch it with git lfs pull, or with dimoo pull`)
  }
}

async function lookAtShards(folder: string, names: readonly string[], note: Note): Promise<void> {
  const index = 'model.safetensors.index.json'
  if (!names.includes(index) || names.includes('model.safetensors')) {
    if (!names.some((name) => /^model.*\.safetensors$/.test(name)))
      note('fault', 'files', 'expected model.safetensors, or shards with an index; neither is there')
    return
  }
  try {
    const { weight_map: map } = JSON.parse(await readFile(path.join(folder, index), 'utf8')) as { weight_map: Record<string, string> }
    const shards = [...new Set(Object.values(map))]
    for (const shard of shards)
      if (!names.includes(shard)) note('fault', 'files', `${shard} is missing, of ${shards.length} that ${index} names`)
  } catch {
    note('fault', 'files', `${index} is no JSON with a weight_map`)
  }
}

/** Whether every file has the length and the hash that the hub gives; only of a snapshot in a cache, whose list is there. */
export async function compareHashes(source: string, note: Note, { signal, onProgress }: Control): Promise<boolean> {
  const { hubFilesOf } = await import('../hub/index.js')
  const files = await hubFilesOf(source)
  if (!files) return false
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  const tell = (bytes: number): void => {
    done += bytes
    onProgress?.({ phase: 'hash', loadedBytes: done, totalBytes: total, fraction: total > 0 ? done / total : 1 })
  }
  for (const { path: name, file, bytes, sha256, blobId } of files) {
    const size = (await stat(file).catch(() => undefined))?.size
    if (size === undefined) continue // said already, or never asked for
    if (size !== bytes) {
      note('fault', 'hashes', `${name}: expected ${bytes} bytes, got ${size}`)
      continue
    }
    const hash = sha256 === undefined ? createHash('sha1').update(`blob ${bytes}\0`) : createHash('sha256')
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, ...(signal && { signal }) }) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      tell(chunk.length)
    }
    const found = hash.digest('hex')
    if (found !== (sha256 ?? blobId))
      note('fault', 'hashes', `${name}: expected ${sha256 === undefined ? "git's id" : 'SHA-256'} ${sha256 ?? blobId}, got ${found}`)
  }
  return true
}

async function firstBytes(file: string, count: number): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

const posix = (name: string): string => name.split(path.sep).join('/')
