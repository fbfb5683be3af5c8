// Where pictures lie that are too large for Redis: by the digest of their bytes, so that the same picture is there once and a damaged one is
// found out.
import { createHash } from 'node:crypto'
import { DimooError } from '../base/errors.js'

/** A place for bytes that all servers and workers reach. */
export interface BlobStore {
  /** Resolves once a reader elsewhere would find it. The same key always has the same bytes. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** undefined: it is not there. */
  get(key: string): Promise<Uint8Array | undefined>
  /** Does nothing where it is not there. */
  delete(key: string): Promise<void>
  /** Deletes what was put longer ago than so many milliseconds. Absent where the place does that by itself. */
  sweep?(olderThanMs: number): Promise<number>
}

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Puts bytes under their digest, which is returned. */
export async function keep(store: BlobStore, bytes: Uint8Array): Promise<string> {
  const key = digestOf(bytes)
  await store.put(key, bytes)
  return key
}

/** Throws `output/failed` for what is gone or damaged. */
export async function fetchKept(store: BlobStore, key: string): Promise<Uint8Array> {
  const bytes = await store.get(key)
  if (!bytes) throw new DimooError('output/failed', `store: expected the bytes ${key.slice(0, 16)}, got none: they were deleted`)
  if (digestOf(bytes) !== key) throw new DimooError('output/failed', `store: expected the bytes ${key.slice(0, 16)}, got others`)
  return bytes
}
