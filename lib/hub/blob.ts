// One file's content, fetched into the cache under its hash: in pieces over several connections, each resumed where it was cut, hashed as
// it comes. What is there afterwards is the content that the hub promised, or nothing new and an error.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { HubFailure, mismatch } from './failure.js'
import { networkFailure, type Answer, type HubHttp } from './http.js'
import { etagOf, type RemoteFile } from './listing.js'
import { withLock } from '../base/lock.js'
import { outputError } from '../base/output-error.js'
import { PartFile, type PieceWriter } from './part-file.js'
import { persist, type Patience, type Slots } from './patience.js'
import { StreamHash } from './stream-hash.js'

export interface BlobJob {
  readonly http: HubHttp
  readonly url: string
  readonly file: RemoteFile
  /** Where the finished content lies. */
  readonly blob: string
  readonly lock: string
  /** Connections, shared by all files. */
  readonly slots: Slots
  readonly connections: number
  readonly patience: Patience
  readonly signal?: AbortSignal | undefined
  /** Bytes of the file that are there, whoever fetched them, and those that this process has fetched. */
  readonly onBytes: (loaded: number, fetched: number) => void
}

/** The server sends whole files only. */
class NoRanges extends Error {}

/** Rejects with `hub/mismatch` for other bytes than promised, `output/failed`, a `HubFailure`, or the signal's reason. */
export async function fetchBlob(job: BlobJob): Promise<void> {
  const { blob, lock, signal, file, onBytes } = job
  await mkdir(path.dirname(blob), { recursive: true }).catch((error: unknown) => {
    throw outputError(error, blob)
  })
  const onWait = async (): Promise<boolean> => {
    onBytes(await PartFile.loadedBytes(blob), 0)
    return existsSync(blob)
  }
  await withLock(lock, () => (existsSync(blob) ? Promise.resolve() : fetchWhole(job)), { signal, onWait })
  onBytes(file.bytes, 0)
}

async function fetchWhole(job: BlobJob): Promise<void> {
  const first = await new Transfer(job).run()
  if (first.hash === first.promised) return
  await PartFile.discard(job.blob)
  // Bytes of another day may have been damaged since; those of today are what the hub gives.
  const last = first.resumed ? await new Transfer(job).run() : first
  if (last.hash === last.promised) return
  await PartFile.discard(job.blob)
  const kind = job.file.sha256 === undefined ? "git's id" : 'SHA-256'
  throw mismatch(`${job.file.path}: expected ${kind} ${last.promised}, got ${last.hash} (${job.url})`)
}

interface Outcome {
  readonly hash: string
  readonly promised: string
  readonly resumed: boolean
}

class Transfer {
  readonly #job: BlobJob
  readonly #hash: StreamHash
  #stop = new AbortController()
  #part!: PartFile
  #fetched = 0
  /** Where the last answer came from: the next ones need not ask the hub first. */
  #direct: string | undefined

  constructor(job: BlobJob) {
    this.#job = job
    this.#hash = new StreamHash(job.file.sha256 === undefined ? 'git' : 'sha256', job.file.bytes)
  }

  async run(): Promise<Outcome> {
    const { blob, file, signal } = this.#job
    this.#part = await PartFile.open(blob, file.bytes)
    const resumed = this.#part.loaded > 0
    const stop = (): void => this.#stop.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      signal?.throwIfAborted()
      await this.#fetchPieces()
      await this.#follow()
      const [hash, promised] = [this.#hash.digest(), etagOf(file)]
      if (hash === promised) await this.#part.finish()
      return { hash, promised, resumed }
    } finally {
      signal?.removeEventListener('abort', stop)
      await this.#part.close()
    }
  }

  async #fetchPieces(): Promise<void> {
    this.#report()
    try {
      await this.#workers(this.#job.connections)
    } catch (error) {
      if (!(error instanceof NoRanges)) throw error
      this.#stop = new AbortController()
      await this.#part.reset()
      await this.#fetchFromStart()
    }
  }

  /** Every connection takes the first piece that nobody has taken; the first error ends them all. */
  async #workers(connections: number): Promise<void> {
    const missing = Array.from({ length: this.#part.count }, (_, piece) => piece).filter((piece) => !this.#part.isDone(piece))
    let failure: unknown
    const fail = (error: unknown): void => {
      failure ??= error
      this.#stop.abort(error)
    }
    const worker = async (): Promise<void> => {
      for (let piece = missing.shift(); piece !== undefined && failure === undefined; piece = missing.shift()) {
        const own = piece
        await this.#job.slots.use(() => this.#fetchPiece(own))
      }
    }
    const tasks = [this.#follow(), ...Array.from({ length: Math.min(connections, missing.length) }, worker)]
    await Promise.all(tasks.map((task) => task.catch(fail)))
    this.#job.signal?.throwIfAborted()
    if (failure !== undefined) throw failure as Error
  }

  #follow(): Promise<void> {
    return this.#hash.follow(this.#part, () => this.#contiguous())
  }

  async #fetchPiece(piece: number): Promise<void> {
    const [from, to] = this.#part.span(piece)
    const { patience, file } = this.#job
    await persist(
      async (gained) => {
        const start = from + this.#part.done(piece)
        if (start === to) return
        const answer = await this.#ask([start, to - 1])
        if (answer.status === 200 && (start > 0 || to < file.bytes)) {
          answer.body.destroy()
          throw new NoRanges()
        }
        await this.#receive(answer, piece, start, to, gained)
      },
      patience,
      this.#stop.signal,
    )
  }

  // Without ranges nothing can be resumed: each attempt begins at the first byte, and counts as one that gained nothing.
  async #fetchFromStart(): Promise<void> {
    await persist(
      async () => {
        await this.#part.reset()
        const answer = await this.#ask(undefined)
        const chunks = answer.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
        let rest: Buffer = Buffer.alloc(0)
        for (let piece = 0; piece < this.#part.count; piece++) {
          const [from, to] = this.#part.span(piece)
          rest = await this.#fill(this.#part.writer(piece), { chunks, rest, url: answer.url }, from, to, () => undefined)
        }
        answer.body.destroy()
      },
      this.#job.patience,
      this.#job.signal,
    )
    await this.#follow()
  }

  async #receive(answer: Answer, piece: number, start: number, to: number, gained: () => void): Promise<void> {
    const { body, url } = answer
    const writer = this.#part.writer(piece)
    try {
      const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
      await this.#fill(writer, { chunks, rest: Buffer.alloc(0), url }, start, to, gained)
    } finally {
      body.destroy()
      await writer.flush()
      this.#report()
    }
  }

  /** Writes bytes `start` to `to` of the file; returns what came beyond them. */
  async #fill(
    writer: PieceWriter,
    from: { readonly chunks: AsyncIterator<Buffer>; rest: Buffer; readonly url: string },
    start: number,
    to: number,
    gained: () => void,
  ): Promise<Buffer> {
    for (let at = start; at < to;) {
      const chunk = from.rest.length > 0 ? from.rest : await this.#next(from)
      const own = chunk.subarray(0, to - at)
      from.rest = chunk.subarray(own.length)
      this.#hash.offer(at, own)
      at += own.length
      this.#fetched += own.length
      gained()
      if (await writer.add(own)) {
        this.#report()
        await this.#follow()
      }
    }
    await writer.flush()
    await this.#follow()
    return from.rest
  }

  async #next({ chunks, url }: { readonly chunks: AsyncIterator<Buffer>; readonly url: string }): Promise<Buffer> {
    let found: IteratorResult<Buffer>
    try {
      found = await chunks.next()
    } catch (error) {
      this.#stop.signal.throwIfAborted()
      throw networkFailure(url, error)
    }
    if (found.done) throw new HubFailure('the connection was cut', { url })
    return found.value
  }

  /** Asks where the last answer came from, or the hub where that has expired. */
  async #ask(range: readonly [number, number] | undefined): Promise<Answer> {
    const { http, url, file } = this.#job
    const { signal } = this.#stop
    const direct = this.#direct
    if (direct !== undefined) {
      try {
        return checkAnswer(await http.get(direct, { range, signal }), file, range)
      } catch (error) {
        if (!(error instanceof HubFailure) || error.facts.status === undefined || error.passing || error.facts.status === 416) throw error
        this.#direct = undefined
      }
    }
    const answer = checkAnswer(await http.get(url, { range, signal }), file, range)
    if (answer.url !== url) this.#direct = answer.url
    return answer
  }

  /** The end of what is there without a hole. */
  #contiguous(): number {
    let piece = 0
    while (piece < this.#part.count && this.#part.isDone(piece)) piece++
    return piece === this.#part.count ? this.#part.bytes : this.#part.span(piece)[0] + this.#part.done(piece)
  }

  #report(): void {
    const fetched = this.#fetched
    this.#fetched = 0
    this.#job.onBytes(this.#part.loaded, fetched)
  }
}

/** An answer about another file, or about another part of this one, is refused before its bytes are taken. */
function checkAnswer(answer: Answer, file: RemoteFile, range: readonly [number, number] | undefined): Answer {
  try {
    const wanted = etagOf(file)
    const { status, headers, etag, size } = answer
    if (etag !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag) && etag.length === wanted.length && etag !== wanted) {
      throw mismatch(`${file.path}: expected the file ${wanted}, got ${etag} (${answer.url})`)
    }
    if (size !== undefined && size !== file.bytes) throw mismatch(`${file.path}: expected ${file.bytes} bytes, got ${size} (${answer.url})`)
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') throw mismatch(`${file.path}: expected its bytes as they are, got them as ${encoding} (${answer.url})`)
    if (status === 206 && range) checkRange(headers['content-range'], file, range, answer.url)
    const length = Number(headers['content-length'])
    if (status === 200 && headers['content-length'] !== undefined && length !== file.bytes) {
      throw mismatch(`${file.path}: expected ${file.bytes} bytes, got ${length} (${answer.url})`)
    }
    return answer
  } catch (error) {
    answer.body.destroy()
    throw error
  }
}

function checkRange(given: string | undefined, file: RemoteFile, [from, to]: readonly [number, number], url: string): void {
  const [, first, , total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(given ?? '') ?? []
  if (Number(first) === from && (total === '*' || Number(total) === file.bytes)) return
  throw mismatch(`${file.path}: expected bytes ${from}-${to} of ${file.bytes}, got Content-Range '${given ?? ''}' (${url})`)
}
