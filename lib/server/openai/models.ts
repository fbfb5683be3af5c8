// `/v1/models`: what is served, in OpenAI's form.
import { z } from 'zod'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import type { Served } from '../models.js'
import { Problem } from '../problem.js'
import { seconds } from './asked.js'

export function modelRoutes(app: App, house: House): void {
  const created = seconds()
  const about = ({ name }: Served): object => ({ id: name, object: 'model', created, owned_by: 'lumina-dimoo' })
  app.get('/v1/models', { schema: { tags: ['openai'], summary: 'The models that are served' } }, async () => ({
    object: 'list',
    data: house.models.all.map(about),
  }))
  const params = z.object({ '*': z.string().max(256) })
  app.get('/v1/models/*', { config: { openai: true }, schema: { tags: ['openai'], summary: 'One of them', params } }, async (request) => {
    const found = house.models.all.find(({ name }) => name === request.params['*'])
    if (!found) throw new Problem(404, 'model_not_found', 'model: there is none of this name; /v1/models lists them', { param: 'model' })
    return about(found)
  })
}
