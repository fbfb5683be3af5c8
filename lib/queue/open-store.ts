// A store by its name: a folder, a bucket, or one of the caller's own. Loads only what it names.
import { invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { show } from '../base/show.js'
import type { BlobStore } from './store.js'

/**
 * A store in a folder or a bucket (`s3://bucket/prefix`); one of one's own stays as it is.
 *
 * @throws `request/invalid`; `binding/not-found` without the package @aws-sdk/client-s3.
 * @example
 * const store = await openStore('/srv/dimoo')
 */
export async function openStore(store: string | BlobStore): Promise<BlobStore> {
  if (isObject(store) && typeof store['put'] === 'function' && typeof store['get'] === 'function') return store as unknown as BlobStore
  if (typeof store !== 'string' || store === '')
    throw invalid(`store must be a folder, s3://bucket/prefix, or have put, get and delete; got ${show(store)}`)
  if (store.startsWith('s3://')) return (await import('./s3-store.js')).s3Store(store)
  return (await import('./folder-store.js')).folderStore(store)
}
