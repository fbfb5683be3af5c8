// Files whose path came from a caller: regular ones only, of a bounded size, read in pieces so that an abort ends the reading. A FIFO, a
// device or a file that never ends must not take a thread of Node's pool with it.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

const PIECE = 1 << 20

/** Why a file was not read; the caller says it in its own words and with its own code. */
export class FileProblem extends Error {
  /** 'missing': nothing there; 'kind': no regular file; 'size': too large; 'unreadable': the system's error, in `message`. */
  constructor(
    readonly reason: 'missing' | 'kind' | 'size' | 'unreadable',
    message: string,
  ) {
    super(message)
  }
}

/** All bytes of a regular file of at most `maxBytes`. Rejects with `FileProblem`, or with `signal.reason`. */
export async function readRegularFile(path: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted()
  const file = await opened(path)
  try {
    const found = await file.stat().catch(unreadable)
    if (!found.isFile()) throw new FileProblem('kind', found.isDirectory() ? 'a folder' : 'no regular file')
    if (found.size > maxBytes) throw new FileProblem('size', `${found.size} bytes, more than ${maxBytes}`)
    return await readAll(file, found.size, maxBytes, signal)
  } finally {
    await file.close()
  }
}

// Windows has none of these.
const flag = (name: 'O_NONBLOCK' | 'O_NOCTTY'): number => (constants as Partial<Record<string, number>>)[name] ?? 0

// Without waiting for a writer, as the opening of a FIFO would.
async function opened(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | flag('O_NONBLOCK') | flag('O_NOCTTY')).catch(unreadable)
}

// Files of /proc say that they are empty, and a file may grow meanwhile: it is read until it ends.
async function readAll(file: FileHandle, size: number, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  let bytes = new Uint8Array(size)
  let length = 0
  for (;;) {
    signal?.throwIfAborted()
    if (length === bytes.length) {
      // One byte more tells whether it has ended.
      const more = new Uint8Array(Math.min(Math.max(2 * length, 4096), maxBytes + 1))
      more.set(bytes.subarray(0, length))
      bytes = more
    }
    const room = Math.min(PIECE, bytes.length - length)
    const { bytesRead } = await file.read(bytes, length, room, null).catch(unreadable)
    if (bytesRead === 0) return bytes.subarray(0, length)
    length += bytesRead
    if (length > maxBytes) throw new FileProblem('size', `more than ${maxBytes} bytes`)
  }
}

function unreadable(error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  throw new FileProblem(code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable', message)
}
