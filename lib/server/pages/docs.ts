// `/openapi.json`, and the same as a plain page at `/docs`: no script, nothing from elsewhere.
import type { App } from '../instance.js'
import type { OpenApi, Operation } from './openapi.js'

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:64rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;text-transform:capitalize}h3{font-size:1rem;margin:1.5rem 0 .25rem}code,pre{font:.9em ui-monospace,monospace}
h3 code{padding:.1rem .4rem;border:1px solid;border-radius:.3rem;margin-right:.4rem}table{border-collapse:collapse}
td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}pre{overflow:auto;max-height:24rem;padding:1rem;border:1px solid}`

const PUBLIC = { config: { public: true }, schema: { hide: true } } as const

export function docRoutes(app: App, describe: () => OpenApi): void {
  let json: string | undefined
  let page: string | undefined
  app.get('/openapi.json', PUBLIC, async (_, reply) =>
    reply.type('application/json; charset=utf-8').send((json ??= JSON.stringify(describe()))),
  )
  app.get('/docs', PUBLIC, async (_, reply) => reply.type('text/html; charset=utf-8').send((page ??= pageOf(describe()))))
  app.get('/docs.css', PUBLIC, async (_, reply) => reply.type('text/css; charset=utf-8').send(STYLE))
}

function pageOf({ paths }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation, tag: operation.tags?.[0] ?? 'more' })),
  )
  const tags = [...new Set(operations.map(({ tag }) => tag))]
  const sections = tags.map((tag) => {
    const own = operations.filter((one) => one.tag === tag)
    return `<h2>${escaped(tag)}</h2>${own.map(({ path, method, operation }) => section(method, path, operation)).join('')}`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>lumina-dimoo: what this server answers</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/docs.css">
<h1>What this server answers</h1><p>The same for programs: <a href="/openapi.json">openapi.json</a>.</p>${sections.join('\n')}</html>`
}

function section(method: string, path: string, { summary = '', description, parameters = [], requestBody }: Operation): string {
  const rows = parameters.map(({ name, in: place, description: words = '' }) => {
    return `<tr><td><code>${escaped(name)}</code><td>${escaped(place)}<td>${escaped(words)}`
  })
  const table = rows.length > 0 ? `<table>${rows.join('')}</table>` : ''
  const body = requestBody
    ? `<details><summary>Body</summary><pre>${escaped(JSON.stringify(bodySchema(requestBody), null, 2))}</pre></details>`
    : ''
  const more = description === undefined ? '' : `<p>${escaped(description)}</p>`
  return `<h3><code>${method.toUpperCase()}</code><code>${escaped(path)}</code></h3><p>${escaped(summary)}</p>${more}${table}${body}`
}

function bodySchema(body: object): unknown {
  return (body as { content: Record<string, { schema: unknown }> }).content['application/json']?.schema
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
