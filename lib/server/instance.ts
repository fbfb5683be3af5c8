// The type of the instance that routes are added to.
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What `createServer` returns: Fastify's instance, which can be added to before it listens. */
export interface App extends FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider> {
  /** Lets runs end, answers 503 to new ones, then aborts the rest. `close` does it too, but answers nothing else meanwhile. */
  drain: () => Promise<void>
}
