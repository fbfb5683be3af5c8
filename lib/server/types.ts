// What can be said about a server. Written by scripts/generate.mjs from the descriptors of options.ts: change those.
import type { FastifyBaseLogger as Logger } from 'fastify'

/**
 * One key that lets its bearer in.
 */
export interface ApiKey {
  /** In logs and metrics. */
  readonly name: string
  /** The secret. */
  readonly key: string
  /** Requests a minute that make runs. 1 to 1000000. Default: no limit. */
  readonly rate?: number
  /** Runs at once, waiting ones included. 1 to 1000000. Default: no limit. */
  readonly concurrency?: number
}

/**
 * What can be said about a server.
 */
export interface ServerOptions {
  /** Who may come in. Without any, everybody who reaches the server. 0 to 10000. */
  readonly apiKeys?: readonly ApiKey[]
  /** Listen on other addresses than loopback without any key. Default: false. */
  readonly insecure?: boolean
  /** Pictures and answers that wait beyond what is decoded at a time; more are answered 429 with the estimated wait. 1 to 1000000. Default: 256. */
  readonly maxQueue?: number
  /** Most decoding steps of a run. 1 to 4096. Default: 1024. */
  readonly maxSteps?: number
  /** Most cells of a picture, given ones included, and most tokens of an answer. 1 to 65536. Default: 4096. */
  readonly maxCells?: number
  /** Most pictures of a run (`n`, `bestOf`), and most given pictures. 1 to 64. Default: 16. */
  readonly maxImages?: number
  /** Most bytes of UTF-8 of all texts of a request. 1 to 262144. In bytes. Default: 32768. */
  readonly maxPromptBytes?: number
  /** Most pixels of a given picture, told from its header. 1 to 64000000. Default: 32000000. */
  readonly maxPixels?: number
  /** Most bytes of a request, all parts together. 1 to 4294967296. In bytes. Default: 67108864. */
  readonly maxBodyBytes?: number
  /** Most bytes of one file in it. 1 to 4294967296. In bytes. Default: 52428800. */
  readonly maxFileBytes?: number
  /** Most bytes of all requests that are being read or wait; more is answered 429. 1 to 4294967296. In bytes. Default: 1073741824. */
  readonly maxUploadBytes?: number
  /** Most bytes of results and events that are kept for their clients. 1 to 4294967296. In bytes. Default: 268435456. */
  readonly maxResultBytes?: number
  /** How long results are kept: those of detached runs from their end, others a tenth of it, and graceMs at least, from when their client was here last. Then 410 says that they are gone. 0 to 2147483647. In milliseconds. Default: 600000. */
  readonly resultTtlMs?: number
  /** How long a run goes on after its last listener has left, so that it can come back. 0 to 2147483647. In milliseconds. Default: 15000. */
  readonly graceMs?: number
  /** Between signs of life on an idle stream. 100 to 2147483647. In milliseconds. Default: 15000. */
  readonly heartbeatMs?: number
  /** How long a stream waits for a client that takes nothing before it is cut. 100 to 2147483647. In milliseconds. Default: 60000. */
  readonly stallMs?: number
  /** How long a server that ends lets its runs go on before it aborts them. 0 to 2147483647. In milliseconds. Default: 30000. */
  readonly drainMs?: number
  /** Pages of other origins that may call. 0 to 1000. Default: none. */
  readonly corsOrigins?: readonly string[]
  /** Host names under which a server without keys on loopback is asked, beside localhost (against DNS rebinding). 0 to 1000. Default: none. */
  readonly allowedHosts?: readonly string[]
  /** Believe X-Forwarded-* of whoever connects: only behind a proxy of your own. Default: false. */
  readonly trustProxy?: boolean
  /** Refuse models that are not here; without, the default model serves any name. Default: false. */
  readonly strictModelNames?: boolean
  /** Serve AUTOMATIC1111's routes under /sdapi/v1 too. Default: false. */
  readonly a1111?: boolean
  /** Serve the page at / where it was built. Default: true. */
  readonly studio?: boolean
  /** How much is logged. Default: silent; info for dimoo serve. */
  readonly logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug'
  /** A pino logger to use in place of one of its own. */
  readonly logger?: Logger
}
