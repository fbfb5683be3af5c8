// The hash of a file while it arrives. A hash takes bytes in order: those of the foremost piece as they come, the others, which arrive
// ahead of their turn, from the file once their turn has come.
import { createHash, type Hash } from 'node:crypto'

export interface Readback {
  read(into: Buffer, at: number): Promise<number>
}

const BLOCK = 1024 * 1024

export class StreamHash {
  readonly #hash: Hash
  #at = 0
  /** A readback is under way: what arrives meanwhile lies in the file when it comes there. */
  #behind: Promise<void> | undefined

  /** `sha256` of the content; `git`: SHA-1 over "blob <bytes>\0" and the content. */
  constructor(kind: 'sha256' | 'git', bytes: number) {
    this.#hash = createHash(kind === 'sha256' ? 'sha256' : 'sha1')
    if (kind === 'git') this.#hash.update(`blob ${bytes}\0`)
  }

  /** Bytes that have just arrived for place `at`. */
  offer(at: number, chunk: Buffer): void {
    if (this.#behind || at !== this.#at) return
    this.#hash.update(chunk)
    this.#at += chunk.length
  }

  /** Takes from `file` whatever lies between here and `contiguous()`, the end of what is there without a hole. */
  async follow(file: Readback, contiguous: () => number): Promise<void> {
    while (this.#at < contiguous()) {
      this.#behind ??= this.#readBack(file, contiguous).finally(() => (this.#behind = undefined))
      await this.#behind
    }
  }

  digest(): string {
    return this.#hash.digest('hex')
  }

  async #readBack(file: Readback, contiguous: () => number): Promise<void> {
    const block = Buffer.allocUnsafe(BLOCK)
    for (;;) {
      const wanted = Math.min(BLOCK, contiguous() - this.#at)
      if (wanted <= 0) return
      const bytes = await file.read(block.subarray(0, wanted), this.#at)
      if (bytes === 0) throw new Error('a part of the file is gone')
      this.#hash.update(block.subarray(0, bytes))
      this.#at += bytes
    }
  }
}
