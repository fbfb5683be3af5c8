// One server, asked with `fetch`: keys, bodies, and answers that are errors become the errors that they were on the other side.
import { DimooError, errorFromData, isCode, type ErrorCode } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { quote } from '../base/show.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'

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

export class Server {
  readonly base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetch: typeof fetch

  constructor(base: string, headers: Readonly<Record<string, string>>, fetcher: typeof fetch) {
    this.base = base.replace(/\/+$/, '')
    this.#headers = headers
    this.#fetch = fetcher
  }

  /** Throws a `Refusal` for an answer that is an error, whatever `fetch` throws where there is none, `signal.reason` after an abort. */
  async ask(path: string, { method = 'GET', body, headers, signal }: Ask = {}): Promise<Response> {
    const response = await this.#fetch(`${this.base}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/cbor' }), ...this.#headers, ...headers },
      ...(body && { body: encodeCbor(body) as Uint8Array<ArrayBuffer> }),
      ...(signal && { signal }),
      redirect: 'error', // a key goes nowhere else
    })
    if (response.ok) return response
    throw await refusalOf(response)
  }

  async json<T>(path: string, ask?: Ask): Promise<T> {
    return (await (await this.ask(path, ask)).json()) as T
  }

  async cbor(path: string, ask: Ask = {}): Promise<unknown> {
    const response = await this.ask(path, { ...ask, headers: { ...ask.headers, accept: 'application/cbor' } })
    return decodeCbor(new Uint8Array(await response.arrayBuffer()))
  }

  async bytes(path: string, ask?: Ask): Promise<Uint8Array> {
    return new Uint8Array(await (await this.ask(path, ask)).arrayBuffer())
  }
}

async function refusalOf(response: Response): Promise<Refusal> {
  const { status } = response
  const after = Number(response.headers.get('retry-after') ?? Number.NaN)
  const text = await response.text().catch(() => '')
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
