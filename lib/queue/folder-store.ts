// A folder as a store: shared by all machines, or one machine's. A file appears whole or not at all; what was put is on the disk.
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { DimooError } from '../base/errors.js'
import type { BlobStore } from './store.js'

export function folderStore(folder: string): BlobStore {
  const root = path.resolve(folder)
  const place = (key: string): string => path.join(root, key.slice(0, 2), key)
  return {
    async put(key, bytes) {
      const file = place(key)
      const now = new Date()
      // There already: it counts as put again.
      if (await utimes(file, now, now).then(truth, () => false)) return
      const part = `${file}.${randomUUID()}.part`
      try {
        await mkdir(path.dirname(file), { recursive: true })
        await write(part, bytes)
        await rename(part, file)
      } catch (error) {
        await rm(part, { force: true }).catch(() => undefined)
        throw failed(root, error)
      }
    },
    async get(key) {
      return readFile(place(key)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw failed(root, error)
      })
    },
    async delete(key) {
      await rm(place(key), { force: true }).catch(() => undefined)
    },
    sweep: (olderThanMs) => sweep(root, Date.now() - olderThanMs),
  }
}

const truth = (): boolean => true

async function write(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

// Only what looks like ours: two hexadecimal digits, then a digest or a part of one that was never finished.
async function sweep(root: string, before: number): Promise<number> {
  let swept = 0
  for (const folder of await names(root)) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue
    for (const name of await names(path.join(root, folder))) {
      if (!/^[0-9a-f]{64}(\.[0-9a-f-]{36}\.part)?$/.test(name)) continue
      const file = path.join(root, folder, name)
      const found = await stat(file).catch(() => undefined)
      if (!found || found.mtimeMs >= before) continue
      await rm(file, { force: true })
      swept++
    }
  }
  return swept
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

function failed(root: string, error: unknown): DimooError {
  const { code, message } = error as NodeJS.ErrnoException
  return new DimooError('output/failed', `store: ${root} cannot be used (${code ?? message})`, { cause: error })
}
