// A file that arrives in pieces, in any order, over several lives of the process. Beside it lies how far each piece is, written after the
// bytes themselves and at least once a megabyte, so a kill costs no more than that. Both have names of our own: Python's huggingface_hub
// would take a file of holes for the beginning of one. Nothing waits for the disk: the end of a process costs nothing, the end of the power
// may leave holes, which the hash finds where the file was not whole yet, and `dimoo verify` where it was.
//   <name>.dimoo.incomplete   the bytes, at their places
//   <name>.dimoo.pieces       "dimoo-1\n", the length, a piece's length, then for each piece the bytes that are there; u64, little-endian
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { outputError } from '../base/output-error.js'

export const PIECE_BYTES = 32 * 1024 * 1024
const FLUSH_BYTES = 512 * 1024
const MAGIC = 'dimoo-1\n'
const HEADER = 24

export class PartFile {
  readonly #path: string
  readonly #data: FileHandle
  readonly #pieces: FileHandle
  readonly #done: number[]
  readonly bytes: number

  private constructor(path: string, bytes: number, data: FileHandle, pieces: FileHandle, done: number[]) {
    this.#path = path
    this.bytes = bytes
    this.#data = data
    this.#pieces = pieces
    this.#done = done
  }

  /** Goes on with what is there, where that is of the same file. `path`: the finished file's. */
  static async open(path: string, bytes: number): Promise<PartFile> {
    const data = await openShared(dataPath(path))
    const pieces = await openShared(piecesPath(path))
    const count = Math.ceil(bytes / PIECE_BYTES)
    const file = new PartFile(path, bytes, data, pieces, Array<number>(count).fill(0))
    try {
      await file.#restore()
    } catch (error) {
      await file.close()
      throw outputError(error, path)
    }
    return file
  }

  get count(): number {
    return this.#done.length
  }

  /** Bytes of a piece that are in the file. */
  done(piece: number): number {
    return this.#done[piece]!
  }

  /** First byte of a piece and the one after its last. */
  span(piece: number): readonly [number, number] {
    return [piece * PIECE_BYTES, Math.min(this.bytes, (piece + 1) * PIECE_BYTES)]
  }

  isDone(piece: number): boolean {
    const [from, to] = this.span(piece)
    return this.done(piece) === to - from
  }

  get loaded(): number {
    return this.#done.reduce((sum, bytes) => sum + bytes, 0)
  }

  /** What a piece's transfer writes to: it keeps half a megabyte at most. */
  writer(piece: number): PieceWriter {
    return new PieceWriter(async (bytes) => {
      const at = this.span(piece)[0] + this.done(piece)
      try {
        const { bytesWritten } = await this.#data.write(bytes, 0, bytes.length, at)
        if (bytesWritten !== bytes.length) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
        this.#done[piece] = this.done(piece) + bytes.length
        await this.#mark(piece)
      } catch (error) {
        throw outputError(error, this.#path)
      }
    })
  }

  async read(into: Buffer, at: number): Promise<number> {
    return (await this.#data.read(into, 0, into.length, at)).bytesRead
  }

  /** Begins anew. */
  async reset(): Promise<void> {
    this.#done.fill(0)
    await this.#writeHeader()
  }

  /** The whole file gets its name. Another process that did the same has done no harm: the content is the same. */
  async finish(): Promise<void> {
    try {
      await this.close()
      await rename(dataPath(this.#path), this.#path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw outputError(error, this.#path)
    }
    await rm(piecesPath(this.#path), { force: true })
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#data.close(), this.#pieces.close()])
  }

  /** Removes what there is of a file that is not whole. */
  static async discard(path: string): Promise<void> {
    await Promise.all([dataPath(path), piecesPath(path)].map((file) => rm(file, { force: true })))
  }

  /** Bytes that are there of a file that another process is fetching. */
  static async loadedBytes(path: string): Promise<number> {
    const handle = await open(piecesPath(path), 'r').catch(() => undefined)
    if (!handle) return 0
    try {
      const table = await handle.readFile()
      let sum = 0
      for (let at = HEADER; at + 8 <= table.length; at += 8) sum += Number(table.readBigUInt64LE(at))
      return sum
    } finally {
      await handle.close()
    }
  }

  async #restore(): Promise<void> {
    const table = await this.#pieces.readFile()
    const { size } = await this.#data.stat()
    const known = table.length === HEADER + 8 * this.count && table.subarray(0, HEADER).equals(this.#header())
    if (!known) return this.#writeHeader()
    for (let piece = 0; piece < this.count; piece++) {
      const [from, to] = this.span(piece)
      const there = Number(table.readBigUInt64LE(HEADER + 8 * piece))
      // Of bytes that the file lacks after all, the table knows nothing.
      this.#done[piece] = there <= to - from && from + there <= size ? there : 0
    }
  }

  #header(): Buffer {
    const header = Buffer.alloc(HEADER)
    header.write(MAGIC, 'latin1')
    header.writeBigUInt64LE(BigInt(this.bytes), 8)
    header.writeBigUInt64LE(BigInt(PIECE_BYTES), 16)
    return header
  }

  async #writeHeader(): Promise<void> {
    await this.#pieces.truncate(0)
    await this.#pieces.write(Buffer.concat([this.#header(), Buffer.alloc(8 * this.count)]), 0, undefined, 0)
  }

  async #mark(piece: number): Promise<void> {
    const slot = Buffer.alloc(8)
    slot.writeBigUInt64LE(BigInt(this.done(piece)))
    await this.#pieces.write(slot, 0, 8, HEADER + 8 * piece)
  }
}

/** Gathers what arrives, so that neither the file nor the table is written for every packet. Packets are copied: they die young then. */
export class PieceWriter {
  readonly #write: (bytes: Buffer) => Promise<void>
  readonly #buffer = Buffer.allocUnsafeSlow(FLUSH_BYTES)
  #length = 0

  constructor(write: (bytes: Buffer) => Promise<void>) {
    this.#write = write
  }

  /** Whether it was time to write. */
  async add(chunk: Buffer): Promise<boolean> {
    let written = false
    for (let at = 0; at < chunk.length;) {
      const part = chunk.copy(this.#buffer, this.#length, at)
      at += part
      this.#length += part
      if (this.#length < FLUSH_BYTES) continue
      await this.flush()
      written = true
    }
    return written
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return
    const bytes = this.#buffer.subarray(0, this.#length)
    this.#length = 0
    await this.#write(bytes)
  }
}

const dataPath = (path: string): string => `${path}.dimoo.incomplete`
const piecesPath = (path: string): string => `${path}.dimoo.pieces`

/** Read and written, made where there is none, never cut. */
async function openShared(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw outputError(error, path)
  }
  try {
    return await open(path, 'wx+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return open(path, 'r+')
    throw outputError(error, path)
  }
}
