// One GET to a hub: through proxies, with redirects followed by hand, because a token must not follow to another origin and because
// the redirecting answer says what the file is (`X-Linked-ETag`, `X-Linked-Size`). Bodies are read as they are: nothing is decompressed.
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { packageVersion } from '../base/version.js'
import { HubFailure } from './failure.js'
import type { HubSettings } from './settings.js'

export interface Answer {
  /** 200 or 206. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable
  /** Where the bytes come from in the end; signed and short-lived where a redirect led there. */
  readonly url: string
  /** What the hub says of the file, whoever serves it: its SHA-256 or git's id, and its length. */
  readonly etag: string | undefined
  readonly size: number | undefined
}

export interface Ask {
  /** First and last byte, inclusive. */
  readonly range?: readonly [number, number] | undefined
  readonly signal?: AbortSignal | undefined
}

const REDIRECTS = 10
const MAX_JSON_BYTES = 64 * 1024 * 1024

export class HubHttp {
  readonly #settings: HubSettings
  readonly #dispatcher: Dispatcher
  readonly #request: typeof Dispatcher.prototype.request

  private constructor(settings: HubSettings, dispatcher: Dispatcher) {
    this.#settings = settings
    this.#dispatcher = dispatcher
    this.#request = dispatcher.request.bind(dispatcher)
  }

  /** undici is loaded here, by the first who needs the network. */
  static async open(settings: HubSettings): Promise<HubHttp> {
    const { Agent, EnvHttpProxyAgent } = await import('undici')
    const { stallMs, proxies } = settings
    const limits = { connect: { timeout: stallMs }, headersTimeout: stallMs, bodyTimeout: stallMs, pipelining: 1 }
    if (proxies.http === undefined && proxies.https === undefined) return new HubHttp(settings, new Agent(limits))
    // Empty strings, because this agent would look into the environment for what is absent.
    const proxied = { httpProxy: proxies.http ?? '', httpsProxy: proxies.https ?? '', noProxy: proxies.except ?? '' }
    return new HubHttp(settings, new EnvHttpProxyAgent({ ...limits, ...proxied }))
  }

  get endpoint(): string {
    return this.#settings.endpoint
  }

  /** Rejects with `HubFailure` for everything that is no 200 or 206, and with the signal's reason. */
  async get(url: string, { range, signal }: Ask = {}): Promise<Answer> {
    let at = url
    let etag: string | undefined
    let size: number | undefined
    for (let hops = 0; hops <= REDIRECTS; hops++) {
      const response = await this.#send(at, range, signal)
      const headers = flat(response.headers)
      const { statusCode: status } = response
      const redirect = status >= 300 && status < 400 ? headers['location'] : undefined
      if (new URL(at).origin === new URL(this.endpoint).origin) {
        // Others have ETags of their own.
        etag ??= normalized(headers['x-linked-etag'] ?? (redirect === undefined ? headers['etag'] : undefined))
        size ??= toNumber(headers['x-linked-size'])
      }
      if (status === 200 || status === 206) return { status, headers, body: response.body, url: at, etag, size }
      await discard(response.body)
      if (redirect === undefined) throw statusFailure(at, status, headers)
      if (!URL.canParse(redirect, at)) throw new HubFailure(`redirected to what is no URL, '${redirect}'`, { url: at, final: true })
      at = new URL(redirect, at).href
      if (!/^https?:/.test(at)) throw new HubFailure(`redirected to ${at}`, { url, final: true })
    }
    throw new HubFailure(`redirected more than ${REDIRECTS} times`, { url, final: true })
  }

  /** The whole answer as JSON, and its headers. */
  async json(url: string, signal?: AbortSignal): Promise<{ readonly value: unknown; readonly headers: Answer['headers'] }> {
    const { body, headers } = await this.get(url, { signal })
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > MAX_JSON_BYTES) throw new HubFailure(`answered with more than ${MAX_JSON_BYTES} bytes`, { url, final: true })
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof HubFailure ? error : networkFailure(url, error)
    }
    try {
      return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown, headers }
    } catch {
      const start = Buffer.concat(chunks).toString('utf8').trim().slice(0, 40)
      throw new HubFailure(`expected JSON, as a hub answers, got '${start}'`, { url, final: true })
    }
  }

  /** Ends what is open. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  async #send(url: string, range: Ask['range'], signal: AbortSignal | undefined): Promise<Dispatcher.ResponseData> {
    const { origin, pathname, search } = new URL(url)
    const { endpoint, token } = this.#settings
    // The token is the endpoint's; nobody else ever sees it.
    const authorized = token !== undefined && origin === new URL(endpoint).origin
    const headers = {
      'user-agent': `lumina-dimoo/${packageVersion()}; node/${process.versions.node}`,
      'accept-encoding': 'identity',
      ...(authorized && { authorization: `Bearer ${token}` }),
      ...(range && { range: `bytes=${range[0]}-${range[1]}` }),
    }
    try {
      return await this.#request({ origin, path: pathname + search, method: 'GET', headers, ...(signal && { signal }) })
    } catch (error) {
      signal?.throwIfAborted()
      throw networkFailure(url, error)
    }
  }
}

/** Why no answer came, or only a part of one. */
export function networkFailure(url: string, error: unknown): HubFailure {
  const { code, message = String(error) } = error as { code?: string; message?: string }
  const { hostname } = new URL(url)
  const text =
    {
      ENOTFOUND: `no such host, ${hostname}`,
      EAI_AGAIN: `the name ${hostname} could not be looked up`,
      ECONNREFUSED: `${hostname} refuses connections`,
      ECONNRESET: 'the connection was cut',
      UND_ERR_SOCKET: 'the connection was cut',
      UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
      UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
      UND_ERR_BODY_TIMEOUT: 'the transfer stalled',
    }[code ?? ''] ?? message
  return new HubFailure(text, { url, cause: error })
}

function statusFailure(url: string, status: number, headers: Answer['headers']): HubFailure {
  const said = headers['x-error-message']
  const text = `answered HTTP ${status}${said === undefined ? '' : `, ${said}`}`
  return new HubFailure(text, {
    url,
    status,
    reason: headers['x-error-code'],
    retryAfterMs: status === 429 || status === 503 ? retryAfter(headers) : undefined,
  })
}

/** `Retry-After`: seconds or a date; else the time left of the draft header `RateLimit: "api";r=0;t=55`. */
function retryAfter(headers: Answer['headers']): number | undefined {
  const given = headers['retry-after']
  if (given !== undefined && /^\d+$/.test(given)) return Number(given) * 1000
  if (given !== undefined && !Number.isNaN(Date.parse(given))) return Math.max(0, Date.parse(given) - Date.now())
  const [, remaining, seconds] = /\br=(\d+).*?\bt=(\d+)/.exec(headers['ratelimit'] ?? '') ?? []
  return remaining === '0' ? (Number(seconds) + 1) * 1000 : undefined
}

function flat(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) found[name] = Array.isArray(value) ? value.join(', ') : value
  return found
}

function normalized(etag: string | undefined): string | undefined {
  return etag?.replace(/^W\//, '').replaceAll('"', '')
}

function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

// A short body leaves the connection usable; a long one is not worth reading.
async function discard(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: 64 * 1024 }).catch(() => undefined)
}
