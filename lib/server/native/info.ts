// What a client needs to know before it asks: the model, the load, the schemas of every task.
import { z } from 'zod'
import { objectSchema } from '../../fields/json-schema.js'
import { requestSchema } from '../../requests/index.js'
import { TASKS } from '../../requests/names.js'
import { RUN_FIELDS } from '../../requests/run-options.js'
import { resultSchema } from '../../run/descriptors.js'
import { packageVersion } from '../../base/version.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'

const MODEL = z.object({ model: z.string().max(256).optional().describe('By name; the first one where it is left out.') })

export function infoRoutes(app: App, house: House): void {
  app.get('/v1/info', { schema: { tags: ['server'], summary: 'What the model says of itself', querystring: MODEL } }, async (request) =>
    house.models.get(request.query.model).info(),
  )

  app.get(
    '/v1/stats',
    { schema: { tags: ['server'], summary: 'What the scheduler has done and does', querystring: MODEL } },
    async (request) => {
      const { runner } = house.models.get(request.query.model)
      const { admission, registry, settings } = house
      const stats = await runner.stats()
      return {
        ...stats,
        estimatedWaitMs: Math.max(stats.estimatedWaitMs, admission.waitMs(runner)),
        server: { runs: registry.active.size, waiting: admission.waiting, maxQueue: settings.maxQueue, draining: admission.draining },
      }
    },
  )

  let schemas: object | undefined
  app.get('/v1/schemas', { schema: { tags: ['server'], summary: 'Requests and results of every task, as JSON Schema' } }, async () => {
    schemas ??= {
      version: packageVersion(),
      tasks: Object.fromEntries(TASKS.map((task) => [task, { request: requestSchema(task), result: resultSchema(task) }])),
      options: objectSchema(RUN_FIELDS),
    }
    return schemas
  })
}
