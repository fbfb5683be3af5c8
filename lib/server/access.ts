// Who may come in, and from where: API keys, pages of other origins, names of other hosts, the share of a key, memory for the body.
import rateLimit from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isIP } from 'node:net'
import type { App } from './instance.js'
import { tooLarge } from './bodies.js'
import type { House } from './house.js'
import { keyOf, NOBODY, type Client } from './keys.js'
import { invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { Settings } from './options.js'
import { Problem } from './problem.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. */
    client: Client
    /** Keeps what the body takes until the function that it returns is called, beyond the reply. */
    keepBody: () => () => void
    giveBack: (() => void) | undefined
  }
  interface FastifyContextConfig {
    /** Needs no key. */
    public?: boolean
    /** Counts against a key's rate; refused while the server ends. */
    makesRuns?: boolean
    /** Takes forms (multipart/form-data) beside JSON. */
    forms?: boolean
    /** Bad requests are answered 400, as OpenAI's clients expect. */
    openai?: boolean
  }
}

export function guard(app: App, house: House): void {
  const { keys, settings, admission, uploads } = house
  app.decorateRequest('client')
  app.decorateRequest('giveBack')
  app.decorateRequest('keepBody', function keepBody(this: FastifyRequest) {
    const giveBack = this.giveBack
    this.giveBack = undefined
    return giveBack ?? (() => undefined)
  })

  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    request.client = NOBODY
    void reply.header('x-request-id', request.id)
    const { config } = request.routeOptions
    if (keys.empty) checkHost(request, settings.allowedHosts)
    checkOrigin(request, settings.corsOrigins)
    if (config.public === true || request.is404 || request.method === 'OPTIONS') return
    if (!keys.empty) request.client = clientOf(request, reply, house)
    if (config.makesRuns === true) admission.checkOpen()
    const { 'content-length': length, 'transfer-encoding': chunked, 'content-encoding': packed = 'identity' } = request.headers
    if (length === undefined && chunked === undefined) return
    if (packed.toLowerCase() !== 'identity')
      throw new Problem(415, 'request/invalid', `content-encoding: bodies must come as they are, got ${show(packed)}`)
    const bytes = length === undefined ? settings.maxBodyBytes : Number(length)
    if (bytes > settings.maxBodyBytes) throw tooLarge(settings.maxBodyBytes)
    request.giveBack = uploads.take(bytes, () => longestWait(house))
  })

  app.addHook('onResponse', async (request: FastifyRequest) => request.giveBack?.())
  app.addHook('onRequestAbort', async (request: FastifyRequest) => request.giveBack?.())
}

// Which model the body is for is not known before it is read.
const longestWait = ({ models, admission }: House): number => Math.max(...models.all.map(({ runner }) => admission.waitMs(runner)))

function clientOf(request: FastifyRequest, reply: FastifyReply, { keys }: House): Client {
  const shown = keyOf(request.headers.authorization) ?? apiKeyHeader(request)
  const client = shown === undefined ? undefined : keys.find(shown)
  if (client) return client
  void reply.header('www-authenticate', 'Bearer')
  const what = shown === undefined ? 'got none' : 'got one that is not known here'
  throw new Problem(401, 'server/denied', `key: expected an API key as Authorization: Bearer <key>, ${what}`)
}

// As Azure's and other clients of OpenAI's routes send it.
function apiKeyHeader(request: FastifyRequest): string | undefined {
  const found = request.headers['api-key'] ?? request.headers['x-api-key']
  return typeof found === 'string' ? found : undefined
}

// A page elsewhere may point a name of its own at 127.0.0.1 and call as if it were from here (DNS rebinding). Whoever names the address
// itself, or localhost, is no such page.
function checkHost(request: FastifyRequest, allowed: readonly string[]): void {
  const host = request.host.toLowerCase()
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (name === '' || isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return
  if (allowed.some((one) => [host, name].includes(one.toLowerCase()))) return
  throw new Problem(403, 'server/denied', 'host: a server without API keys answers to addresses and localhost only; see --allowed-host')
}

// Forms of other pages come without the question that CORS asks first.
function checkOrigin(request: FastifyRequest, allowed: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return
  if (origin === `${request.protocol}://${request.host}` || ['GET', 'HEAD', 'OPTIONS'].includes(request.method)) return
  throw new Problem(403, 'server/denied', 'origin: pages of this origin may not call here; see --cors-origin')
}

/** A key's share of requests that make runs. */
export async function limitRates(app: App): Promise<void> {
  await app.register(rateLimit, {
    timeWindow: 60_000,
    max: (request) => request.client.rate ?? Infinity,
    keyGenerator: (request) => request.client.name,
    allowList: (request) => request.routeOptions.config.makesRuns !== true || request.client.rate === undefined,
    errorResponseBuilder: (_, { max, ttl }) =>
      new Problem(429, 'rate_limit_exceeded', `rate: expected at most ${max} requests of this key a minute, got one more`, {
        retryAfterMs: ttl,
      }),
  })
}

/** Whoever listens by the instance's own method is checked too, before anybody could come in. */
export function guardListening(app: App, settings: Settings): void {
  const listen = app.listen.bind(app) as (...args: unknown[]) => unknown
  app.listen = ((...args: unknown[]) => {
    const { host, path } = (typeof args[0] === 'object' && args[0] !== null ? args[0] : {}) as { host?: string; path?: string }
    if (path === undefined) checkListening(host ?? 'localhost', settings)
    return listen(...args)
  }) as typeof app.listen
}

/** Loopback, keys, or said to be insecure: throws `request/invalid` for anything else. */
export function checkListening(host: string, { apiKeys, insecure }: Pick<Settings, 'apiKeys' | 'insecure'>): void {
  if (isLoopback(host) || apiKeys.length > 0 || insecure) return
  throw invalid(
    `listen: host must be loopback (127.0.0.1, ::1, localhost) without API keys, got '${host}'; --api-key-file gives keys, --insecure goes without`,
  )
}

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return name === 'localhost' || name === '::1' || /^127\./.test(name) || /^::ffff:127\./.test(name)
}
