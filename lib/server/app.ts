// The Fastify instance: plugins, hooks and routes in one place. It serves runners and knows nothing of models, devices or files.
import cors from '@fastify/cors'
import Fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import helmet from 'helmet'
import { randomUUID } from 'node:crypto'
import type { Runner } from '../runner/runner.js'
import { a1111Routes } from './a1111/routes.js'
import { guard, guardListening, limitRates } from './access.js'

export { checkListening } from './access.js'
import { answerClientError, answerErrors, answerGarbage } from './answers.js'
import { readBodies } from './bodies.js'
import { boundAnswers } from './downloads.js'
import { drain } from './drain.js'
import { openHouse, type House } from './house.js'
import type { App } from './instance.js'
import { lingerOn } from './lingering.js'
import { logging, logRequests } from './log.js'
import { eventRoutes } from './native/events.js'
import { infoRoutes } from './native/info.js'
import { pictureRoutes } from './native/pictures.js'
import { runRoutes } from './native/runs.js'
import { healthRoutes } from './ops/health.js'
import { metricRoutes } from './ops/metrics.js'
import { watchPressure } from './ops/pressure.js'
import { chatRoutes } from './openai/chat.js'
import { imageRoutes } from './openai/images.js'
import { modelRoutes } from './openai/models.js'
import { responseRoutes } from './openai/responses.js'
import { adopting } from './runs/keeper.js'
import { settingsOf, type Settings } from './options.js'
import { docRoutes } from './pages/docs.js'
import { describe } from './pages/openapi.js'
import { STUDIO, studioRoutes } from './pages/studio.js'
import { Sockets } from './sockets.js'
import type { ServerOptions } from './types.js'

/**
 * A server of one runner, or of several by name; the first is the default. Call `listen` on what it returns, `close` to end it; closing
 * waits for running runs at most `drainMs` and leaves the runners open.
 *
 * @throws `request/invalid` for options and for what is no runner.
 * @example
 * const app = createServer(await loadModel())
 * await app.listen({ port: 7860 })
 */
export function createServer(runners: Runner | Readonly<Record<string, Runner>>, options: ServerOptions = {}): App {
  const settings = settingsOf(options)
  const house = openHouse(runners, settings)
  const app = Fastify(instanceOptions(settings)).withTypeProvider<ZodTypeProvider>() as App
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data)) // schemas of answers are for OpenAPI; tests hold them against it
  app.drain = () => drain(house, 'answered')
  guardListening(app, settings)
  answerErrors(app)
  app.addHook('onReady', async () => house.models.name())
  lingerOn(app, house)
  const sockets = new Sockets(app.server)
  app.addHook('preClose', async () => {
    await drain(house, 'closed')
    sockets.close()
  })
  app.addHook('onClose', async () => {
    house.streams.close()
    house.registry.close()
  })
  void app.register(everything(house))
  return app
}

// In this order: what comes first also stands on refusals of what comes later.
function everything(house: House): (app: FastifyInstance) => Promise<void> {
  const plugin = async (instance: FastifyInstance): Promise<void> => {
    const app = instance.withTypeProvider<ZodTypeProvider>() as App
    const { settings } = house
    await protect(app, settings)
    guard(app, house)
    logRequests(app)
    await limitRates(app)
    await watchPressure(app)
    await readBodies(app, settings)
    boundAnswers(app, house)
    const description = describe(app)
    app.addHook('preHandler', adopting(house))
    runRoutes(app, house)
    eventRoutes(app, house)
    pictureRoutes(app, house)
    infoRoutes(app, house)
    imageRoutes(app, house)
    chatRoutes(app, house)
    responseRoutes(app, house)
    modelRoutes(app, house)
    if (settings.a1111) a1111Routes(app, house)
    metricRoutes(app, house)
    healthRoutes(app, house)
    docRoutes(app, description)
    if (settings.studio) studioRoutes(app, STUDIO)
  }
  // Not in a scope of its own: hooks hold for unknown paths too.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

function instanceOptions(settings: Settings): FastifyServerOptions {
  return {
    ...logging(settings),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: settings.maxBodyBytes,
    trustProxy: settings.trustProxy,
    requestTimeout: 300_000, // of a whole request, so that nobody sends one byte a minute
    keepAliveTimeout: 72_000,
    pluginTimeout: 0, // closing waits for runs
    routerOptions: { maxParamLength: 256 },
    requestIdHeader: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID()
    },
    frameworkErrors: (error, _request, reply) => answerGarbage(error, reply),
    clientErrorHandler: (error, socket) => answerClientError(error, socket),
  }
}

/** Pages that come from here may load nothing from elsewhere; pages from elsewhere may not call, unless they are named. */
async function protect(app: App, { corsOrigins }: Settings): Promise<void> {
  // Made once: @fastify/helmet makes it anew for every request.
  const protectedBy = helmet({
    frameguard: { action: 'deny' },
    hsts: false, // for whoever ends TLS to say
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        workerSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  })
  app.addHook('onRequest', (request, reply, next) => protectedBy(request.raw, reply.raw, (error) => next(error as Error | undefined)))
  if (corsOrigins.length === 0) return
  await app.register(cors, {
    origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    exposedHeaders: [
      ...['x-request-id', 'warning', 'retry-after', 'location', 'idempotent-replayed', 'allow'],
      ...['limit', 'remaining', 'reset'].map((name) => `x-ratelimit-${name}`),
    ],
    maxAge: 600,
  })
}
