// The server's description in OpenAPI 3.1, made from the routes' own schemas, which are zod's, as they are added.
import type { RouteOptions } from 'fastify'
import { z } from 'zod'
import { packageVersion } from '../../base/version.js'
import type { App } from '../instance.js'

type Schema = Readonly<Record<string, unknown>>

export interface Operation {
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly description?: string }[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
  readonly security?: readonly object[]
}

export interface OpenApi {
  readonly openapi: '3.1.0'
  readonly info: object
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: object
  readonly security: readonly object[]
}

interface Said {
  readonly hide?: boolean
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly params?: z.ZodType
  readonly querystring?: z.ZodType
  readonly body?: z.ZodType
  /** Of a form, where it is not as the JSON is. */
  readonly form?: z.ZodType
}

/** The rest of a path, which OpenAPI knows no sign for: only models have names with slashes. */
const REST = 'model'

/** Call it before any route is added; what it returns describes those that were. */
export function describe(app: App): () => OpenApi {
  const paths: Record<string, Record<string, Operation>> = {}
  app.addHook('onRoute', (route: RouteOptions) => {
    const said = (route.schema ?? {}) as Said
    if (said.hide === true || said.summary === undefined) return
    const path = route.url.replace(/:(\w+)/g, '{$1}').replace('*', `{${REST}}`)
    for (const method of [route.method].flat()) {
      if (['HEAD', 'OPTIONS'].includes(method)) continue
      ;(paths[path] ??= {})[method.toLowerCase()] = operationOf(said, {
        open: route.config?.public === true,
        forms: route.config?.forms === true,
      })
    }
  })
  let made: OpenApi | undefined
  return () =>
    (made ??= {
      openapi: '3.1.0',
      info: { title: 'lumina-dimoo', version: packageVersion(), description: 'Text and pictures from Lumina-DiMOO, step by step.' },
      paths,
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas: { Error: ERROR } },
      security: [{ key: [] }],
    })
}

interface Kind {
  /** Needs no key. */
  readonly open: boolean
  readonly forms: boolean
}

function operationOf({ tags, summary, description, params, querystring, body, form }: Said, { open, forms }: Kind): Operation {
  const parameters = [...parametersOf('path', params), ...parametersOf('query', querystring)]
  const schema = body && schemaOf(body)
  const content = {
    'application/json': { schema },
    ...(forms && { 'multipart/form-data': { schema: form ? schemaOf(form) : schema } }),
  }
  return {
    ...(tags && { tags }),
    ...(summary !== undefined && { summary }),
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(schema && { requestBody: { required: true, content } }),
    responses: {
      default: { description: 'What went wrong.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
      '2XX': { description: summary ?? 'Done.' },
    },
    ...(open && { security: [] }),
  }
}

function parametersOf(
  place: 'path' | 'query',
  schema: z.ZodType | undefined,
): { name: string; in: string; required: boolean; schema: Schema }[] {
  if (!schema) return []
  const { properties = {}, required = [] } = schemaOf(schema) as {
    properties?: Record<string, Schema & { description?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...one }]) => ({
    name: name === '*' ? REST : name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: one,
  }))
}

function schemaOf(schema: z.ZodType): Schema {
  const { $schema: _, ...found } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Schema
  return found
}

const text = { type: 'string' }
const ERROR = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: { message: text, type: text, code: text, param: { type: ['string', 'null'] }, details: { type: 'object' } },
      required: ['message', 'type', 'code', 'param'],
    },
  },
  required: ['error'],
}
