// One server, asked with `fetch`: keys, bodies, and answers that are errors become the errors that they were on the other side. One that is
// silent is asked for a sign of life, and given up without one: connections may end without a word.
import { joined } from '../base/bytes.js'
import { DimooError, errorFromData, isCode, type ErrorCode } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { quote } from '../base/show.js'
import { onAbort } from '../base/signals.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { piecesOf } from './events.js'
import { Watch } from './watch.js'

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Sent as CBOR. */
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A server answered, but not as was asked. */
export class Refusal extends Error {
  readonly status: number
  readonly error: Error
  readonly retryAfterMs: number | undefined

  constructor(status: number, error: Error, retryAfterMs: number | undefined) {
    super(error.message)
    this.status = status
    this.error = error
    this.retryAfterMs = retryAfterMs
  }
}

/** How long nothing may come until a sign of life is asked for, and how long that may take. Less where patience is shorter. */
const QUIET_MS = 15_000
const SIGN_MS = 5000
const LEAST_MS = 2000

export class Server {
  readonly base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetch: typeof fetch
  readonly #quietMs: number
  readonly #signMs: number

  constructor(base: string, headers: Readonly<Record<string, string>>, fetcher: typeof fetch, patienceMs: number) {
    this.base = base.replace(/\/+$/, '')
    this.#headers = headers
    this.#fetch = fetcher
    this.#quietMs = Math.min(QUIET_MS, Math.max(LEAST_MS, patienceMs))
    this.#signMs = Math.min(SIGN_MS, this.#quietMs)
  }

  /**
   * An answer that comes as it is made: from its first byte on silence is its reader's to bear. Throws a `Refusal` for an answer that is an
   * error, `Silence`, whatever `fetch` throws where there is none, `signal.reason` after an abort.
   */
  async stream(path: string, ask: Ask): Promise<Response> {
    return this.#watched(ask.signal, (watch) => this.#ask(path, ask, watch), 'first')
  }

  /** Asks where nothing of the answer is wanted. Throws the same. */
  async tell(path: string, ask: Ask): Promise<void> {
    await this.bytes(path, ask)
  }

  async json<T>(path: string, ask?: Ask): Promise<T> {
    return JSON.parse(new TextDecoder().decode(await this.bytes(path, ask))) as T
  }

  async cbor(path: string, ask: Ask = {}): Promise<unknown> {
    return decodeCbor(await this.bytes(path, { ...ask, headers: { ...ask.headers, accept: 'application/cbor' } }))
  }

  async bytes(path: string, ask: Ask = {}): Promise<Uint8Array> {
    return this.#watched(ask.signal, async (watch) => bodyOf(await this.#ask(path, ask, watch), watch))
  }

  async #ask(path: string, { method = 'GET', body, headers }: Ask, watch: Watch): Promise<Response> {
    const response = await this.#fetch(`${this.base}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/cbor' }), ...this.#headers, ...headers },
      ...(body && { body: encodeCbor(body) as Uint8Array<ArrayBuffer> }),
      signal: watch.signal,
      redirect: 'error', // a key goes nowhere else
    })
    watch.heard()
    if (response.ok) return response
    throw await refusalOf(response, watch)
  }

  // `until`: what silence ends, the whole of it or what comes before the body; an abort ends both.
  async #watched<T>(signal: AbortSignal | undefined, work: (watch: Watch) => Promise<T>, until: 'first' | 'all' = 'all'): Promise<T> {
    signal?.throwIfAborted()
    const watch = new Watch(this.#quietMs, () => this.#lives())
    const unlisten = onAbort(signal, () => watch.abort(signal!.reason))
    let done = false
    try {
      const found = await work(watch)
      done = true
      return found
    } finally {
      watch.stop()
      if (until === 'all' || !done) unlisten()
    }
  }

  // Any answer will do but a proxy's that it has none.
  async #lives(): Promise<boolean> {
    try {
      const { status, body } = await this.#fetch(`${this.base}/healthz`, { signal: AbortSignal.timeout(this.#signMs), redirect: 'error' })
      void body?.cancel().catch(() => undefined)
      return status !== 502 && status !== 504
    } catch {
      return false
    }
  }
}

async function bodyOf({ body }: Response, watch: Watch): Promise<Uint8Array> {
  if (!body) return new Uint8Array(0)
  const pieces: Uint8Array[] = []
  for await (const piece of piecesOf(body)) {
    watch.heard()
    pieces.push(piece)
  }
  return joined(pieces)
}

async function refusalOf(response: Response, watch: Watch): Promise<Refusal> {
  const { status } = response
  const after = Number(response.headers.get('retry-after') ?? Number.NaN)
  const text = await bodyOf(response, watch).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => '',
  )
  return new Refusal(status, errorOf(status, text), Number.isFinite(after) ? after * 1000 : undefined)
}

// A proxy between us may answer in words of its own.
function errorOf(status: number, text: string): Error {
  const found = parsed(text)
  const { message, code, details } = isObject(found) && isObject(found['error']) ? found['error'] : ({} as Record<string, unknown>)
  if (typeof message !== 'string')
    return new DimooError(codeOf(status), `server: answered HTTP ${status}${text === '' ? '' : ` (${quote(text, 80)})`}`)
  if (code === 'aborted' || isCode(code)) return errorFromData({ code, message, ...(isObject(details) && { details }) })
  return new DimooError(codeOf(status), message)
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'server/denied'
  if (status === 429) return 'queue/full'
  return status >= 500 ? 'server/unavailable' : 'request/invalid'
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
