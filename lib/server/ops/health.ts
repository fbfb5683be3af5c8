// Probes: `/healthz` says that the process answers, `/readyz` whether requests should be sent here. Both need no key.
import type { App } from '../instance.js'
import type { House } from '../house.js'

/** How long a model may take to answer before it counts as not ready. */
const PATIENCE_MS = 2000

const ANY = { config: { public: true } } as const

export function healthRoutes(app: App, house: House): void {
  app.get('/healthz', { ...ANY, schema: { tags: ['operations'], summary: 'The process answers' } }, async () => ({ status: 'ok' }))

  app.get('/readyz', { ...ANY, schema: { tags: ['operations'], summary: 'Requests may be sent here' } }, async (_, reply) => {
    const reason = await obstacle(app, house)
    void reply.header('cache-control', 'no-store')
    if (reason === undefined) return { status: 'ready' }
    return reply.code(503).header('retry-after', '5').send({ status: 'not ready', reason })
  })
}

async function obstacle(app: App, { admission, models }: House): Promise<string | undefined> {
  if (admission.draining) return 'the server is about to end'
  if (isLate(app)) return 'the event loop is late'
  const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), PATIENCE_MS).unref())
  for (const { name, runner } of models.all) {
    const well = await Promise.race([
      runner.stats().then(
        () => true,
        () => false,
      ),
      late,
    ])
    if (!well) return `the model ${name} does not answer`
  }
  return undefined
}

// Before its first sample the delay is said to be infinite.
function isLate(app: App): boolean {
  return app.isUnderPressure() && Number.isFinite(app.memoryUsage().eventLoopDelay)
}
