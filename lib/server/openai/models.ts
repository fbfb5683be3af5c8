// `/v1/models`: what is served, in OpenAI's form.
import { z } from 'zod'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import type { Served } from '../models.js'
import { notFound } from '../problem.js'
import { seconds } from './asked.js'

export function modelRoutes(app: App, house: House): void {
  const created = seconds()
  const named = (id: string): object => ({ id, object: 'model', created, owned_by: 'lumina-dimoo' })
  const about = ({ name }: Served): object => named(name)
  app.get('/v1/models', { schema: { tags: ['openai'], summary: 'The models that are served' } }, async () => ({
    object: 'list',
    data: house.models.all.map(about),
  }))
  const params = z.object({ '*': z.string().max(256) })
  app.get('/v1/models/*', { config: { openai: true }, schema: { tags: ['openai'], summary: 'One of them', params } }, async (request) => {
    const name = request.params['*']
    if (name === '') throw notFound('model: expected a name; /v1/models lists them')
    house.models.get(name)
    // The default model answers to any name, unless names are strict.
    return named(name)
  })
}
