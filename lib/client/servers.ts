// The servers of a client: one is asked, another one where it does not answer or has no room, and so on until patience ends.
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import { Refusal, Server } from './http.js'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2000

export class Servers {
  readonly all: readonly Server[]
  readonly patienceMs: number
  #turn = 0

  constructor(all: readonly Server[], patienceMs: number) {
    this.all = all
    this.patienceMs = patienceMs
  }

  /**
   * What the first server that takes the request answers; the next run begins with the next server. A refusal that another server would
   * repeat is thrown at once; 429 once every server has said so; no answer at all, or 503, once patience has ended.
   */
  async first<T>(ask: (server: Server) => Promise<T>, signal: AbortSignal): Promise<{ readonly server: Server; readonly answer: T }> {
    const patience = new Patience(this.patienceMs)
    const start = this.#turn++
    for (let attempt = 0; ; attempt++) {
      const server = this.all[(start + attempt) % this.all.length]!
      try {
        return { server, answer: await ask(server) }
      } catch (error) {
        signal.throwIfAborted()
        const isLast = (attempt + 1) % this.all.length === 0
        if (error instanceof Refusal && (!isPassing(error) || (error.status === 429 && isLast))) throw error.error
        if (isLast) await patience.wait(signal, error, this.all)
      }
    }
  }
}

/** Whether another server, or the same one later, may answer otherwise. */
export function isPassing({ status }: Refusal): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504
}

/** Pauses that grow, until there were too many since the last success. */
export class Patience {
  readonly #ms: number
  #since = performance.now()
  #pause = FIRST_PAUSE_MS

  constructor(ms: number) {
    this.#ms = ms
  }

  /** Something has come. */
  renew(): void {
    this.#since = performance.now()
    this.#pause = FIRST_PAUSE_MS
  }

  get over(): boolean {
    return performance.now() - this.#since >= this.#ms
  }

  /** Throws `server/unavailable` where patience has ended. */
  async wait(signal: AbortSignal, cause: unknown, servers: readonly Server[]): Promise<void> {
    if (this.over) throw unavailable(cause, servers)
    const asked = cause instanceof Refusal ? (cause.retryAfterMs ?? 0) : 0
    const ms = Math.min(Math.max(this.#pause, asked), Math.max(1, this.#ms - (performance.now() - this.#since)))
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS)
    await sleep(ms, signal)
  }
}

export function unavailable(cause: unknown, servers: readonly Server[]): DimooError {
  const why = cause instanceof Refusal ? cause.error.message : reasonOf(cause)
  return new DimooError(
    'server/unavailable',
    `server: expected an answer of ${servers.map(({ base }) => base).join(' or ')}, got none (${why})`,
    { cause },
  )
}

// Node's fetch says "fetch failed", and why in its cause.
function reasonOf(error: unknown): string {
  const { message = String(error), cause } = error as {
    readonly message?: string
    readonly cause?: { readonly message?: string; readonly code?: string }
  }
  return cause?.message || cause?.code || message
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}

/** Throws `request/invalid` for what is no address of a server. */
export function addressesOf(url: unknown): string[] {
  const all = Array.isArray(url) ? (url as readonly unknown[]) : [url]
  if (all.length === 0) throw invalid('connect: url must be at least one address, got none')
  return all.map((one) => {
    const text = one instanceof URL ? one.href : one
    try {
      const { protocol, href } = new URL(text as string)
      if (protocol === 'http:' || protocol === 'https:') return href
    } catch {
      // said below
    }
    throw invalid(`connect: url must be an http: or https: address such as 'http://127.0.0.1:7860', got ${show(one)}`)
  })
}
