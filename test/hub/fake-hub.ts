// A hub in node:http on two ports: one answers as the Hub's API and `resolve` do, and sends files in LFS on to the other, which stands for
// the storage behind it. Faults are functions: asked before each answer, they may give another one. Every request is written down.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeFile {
  readonly path: string
  readonly bytes: Buffer
  /** In git itself, not in LFS. */
  readonly git?: boolean
}

export interface Seen {
  readonly port: 'hub' | 'storage'
  readonly url: string
  readonly range: readonly [number, number] | undefined
  readonly authorization: string | undefined
  /** Bytes of content that were written. */
  sent: number
}

/** `true`: the fault has answered, or never will. */
export type Fault = (seen: Seen, response: ServerResponse, request: IncomingMessage) => boolean | Promise<boolean>

export const COMMIT = 'c0ffee0000000000000000000000000000000001'
export const TOKEN = 'hf_abc'

export class FakeHub {
  readonly seen: Seen[] = []
  faults: Fault[] = []
  /** Bytes a chunk, and milliseconds between chunks. */
  pace = { chunk: 64 * 1024, ms: 0 }
  /** Bytes of content after which nothing more is sent; connections stay open. */
  budget = Infinity
  /** Files a page of the tree has. */
  page = 1000
  commit = COMMIT
  prefix = ''
  files: readonly FakeFile[]
  readonly #servers: Server[] = []
  readonly #addresses: string[] = []

  private constructor(files: readonly FakeFile[]) {
    this.files = files
  }

  static async start(files: readonly FakeFile[], options: { readonly prefix?: string } = {}): Promise<FakeHub> {
    const hub = new FakeHub(files)
    hub.prefix = options.prefix ?? ''
    for (const port of ['hub', 'storage'] as const) {
      const server = createServer((request, response) => void hub.#answer(port, request, response))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      hub.#servers.push(server)
      hub.#addresses.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    }
    return hub
  }

  get endpoint(): string {
    return this.#addresses[0]! + this.prefix
  }

  get storage(): string {
    return this.#addresses[1]!
  }

  /** Requests for the content of a file. */
  asked(path: string): Seen[] {
    return this.seen.filter(({ port, url }) => port === 'storage' && url.endsWith(`/${path}`))
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    }
  }

  async #answer(port: Seen['port'], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const range = from === undefined ? undefined : ([Number(from), Number(to)] as const)
    const seen: Seen = { port, url: request.url!, range, authorization: request.headers.authorization, sent: 0 }
    this.seen.push(seen)
    response.on('error', () => undefined)
    for (const fault of this.faults) if (await fault(seen, response, request)) return
    if (port === 'storage') return this.#sendFile(decodeURIComponent(seen.url.replace(/^\/blob\//, '')), seen, response)
    if (!seen.url.startsWith(this.prefix)) {
      send(response, 404, {}, 'no such page')
      return
    }
    const url = new URL(seen.url.slice(this.prefix.length), 'http://hub')
    if (url.pathname.startsWith('/api/models/o/r/revision/')) {
      this.#sendRevision(decodeURIComponent(url.pathname.slice(25)), response)
      return
    }
    if (url.pathname === `/api/models/o/r/tree/${this.commit}`) {
      this.#sendTree(Number(url.searchParams.get('cursor') ?? 0), response)
      return
    }
    const [, revision, path] = /^\/o\/r\/resolve\/([^/]+)\/(.+)$/.exec(decodeURIComponent(url.pathname)) ?? []
    if (revision === this.commit && path !== undefined) return this.#resolve(path, seen, response)
    send(response, 404, { 'x-error-code': 'RepoNotFound' }, 'Repository not found')
  }

  #sendRevision(revision: string, response: ServerResponse): void {
    if (!['main', 'v1', 'refs/pr/1', this.commit].includes(revision)) {
      send(response, 404, { 'x-error-code': 'RevisionNotFound' }, 'Invalid rev id')
      return
    }
    send(response, 200, { 'content-type': 'application/json' }, JSON.stringify({ id: 'o/r', sha: this.commit }))
  }

  #sendTree(cursor: number, response: ServerResponse): void {
    const entries = this.files.slice(cursor, cursor + this.page).map((file) => ({
      type: 'file',
      path: file.path,
      size: file.bytes.length,
      oid: gitId(file.git ? file.bytes : Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(file.bytes)}\n`)),
      ...(!file.git && { lfs: { oid: sha256(file.bytes), size: file.bytes.length, pointerSize: 134 } }),
    }))
    const next = cursor + this.page
    // The next page's address names another host, as behind a mirror.
    const link = `<https://elsewhere.invalid/api/models/o/r/tree/${this.commit}?recursive=true&cursor=${next}>; rel="next"`
    send(response, 200, { 'content-type': 'application/json', ...(next < this.files.length && { link }) }, JSON.stringify(entries))
  }

  #resolve(path: string, seen: Seen, response: ServerResponse): void | Promise<void> {
    const file = this.files.find((one) => one.path === path)
    if (!file) {
      send(response, 404, { 'x-error-code': 'EntryNotFound' }, 'Entry not found')
      return
    }
    const common = { 'x-repo-commit': this.commit }
    if (file.git) {
      return this.#sendBytes(file.bytes, seen, response, { ...common, etag: `"${gitId(file.bytes)}"` })
    }
    const linked = { 'x-linked-etag': `"${sha256(file.bytes)}"`, 'x-linked-size': String(file.bytes.length) }
    send(response, 302, { ...common, ...linked, location: `${this.storage}/blob/${encodeURI(path)}` }, 'Found')
  }

  #sendFile(path: string, seen: Seen, response: ServerResponse): void | Promise<void> {
    const file = this.files.find((one) => one.path === path)
    if (!file) {
      send(response, 404, {}, 'gone')
      return
    }
    return this.#sendBytes(file.bytes, seen, response, { etag: '"storage-has-its-own"' })
  }

  async #sendBytes(bytes: Buffer, seen: Seen, response: ServerResponse, headers: Record<string, string>): Promise<void> {
    const [from, to] = seen.range ?? [0, bytes.length - 1]
    if (seen.range && from >= bytes.length) {
      send(response, 416, { 'content-range': `bytes */${bytes.length}` }, '')
      return
    }
    const part = bytes.subarray(from, Math.min(to, bytes.length - 1) + 1)
    const length = { 'content-length': String(part.length), 'accept-ranges': 'bytes' }
    const place = { 'content-range': `bytes ${from}-${from + part.length - 1}/${bytes.length}` }
    response.writeHead(seen.range ? 206 : 200, { ...headers, ...length, ...(seen.range && place) })
    await this.stream(part, seen, response)
  }

  /** Sends `part` at the hub's pace and ends the answer, unless it was cut. */
  async stream(part: Buffer, seen: Seen, response: ServerResponse): Promise<void> {
    for (let at = 0; at < part.length; at += this.pace.chunk) {
      if (response.destroyed) return
      const chunk = part.subarray(at, at + this.pace.chunk)
      if (!response.write(chunk)) await drained(response)
      seen.sent += chunk.length
      this.budget -= chunk.length
      if (this.budget <= 0) await this.#released(response)
      const { ms } = this.pace
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
    }
    response.end()
  }

  /** Until there is a budget again, or nobody listens any more. */
  async #released(response: ServerResponse): Promise<void> {
    while (this.budget <= 0 && !response.destroyed) await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The first `count` requests that `match` are answered by `fault`. */
export function times(count: number, match: (seen: Seen) => boolean, fault: Fault): Fault {
  let left = count
  return (seen, response, request) => (match(seen) && left-- > 0 ? fault(seen, response, request) : false)
}

export function answer(status: number, headers: Record<string, string> = {}, body = ''): Fault {
  return (_, response) => {
    send(response, status, headers, body)
    return true
  }
}

export function send(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) })
  response.end(body)
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function gitId(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go)
      resolve()
    }
    response.on('drain', go).on('close', go)
  })
}

/** Bytes that look like nothing, the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
