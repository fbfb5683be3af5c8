// Logs: one line a request, with its route in place of its address, and never a prompt, a picture or a key. Messages of bad requests quote
// what was sent, so that they are told to the client only.
import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { App } from './instance.js'
import type { Settings } from './options.js'

export function logging({ logger, logLevel }: Settings): Pick<FastifyServerOptions, 'logger' | 'loggerInstance'> {
  if (logger) return { loggerInstance: logger }
  return { logger: logLevel === 'silent' ? false : { level: logLevel, base: { name: 'dimoo' } } }
}

export function logRequests(app: App): void {
  app.addHook('onResponse', async (request: FastifyRequest, reply: FastifyReply) => {
    request.log.info(lineOf(request, reply), 'request')
  })
  app.addHook('onRequestAbort', async (request: FastifyRequest) => {
    request.log.info({ method: request.method, route: routeOf(request) }, 'client left')
  })
}

/** The pattern of the route, never what stands in its place. */
export const routeOf = (request: FastifyRequest): string => (request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown'))

function lineOf(request: FastifyRequest, reply: FastifyReply): object {
  const { name } = (request as Partial<FastifyRequest>).client ?? { name: '' }
  return {
    method: request.method,
    route: routeOf(request),
    status: reply.raw.statusCode,
    ms: Math.round(reply.elapsedTime),
    ...(name !== '' && { key: name }),
  }
}
