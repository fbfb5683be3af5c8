// Pages and descriptions: the studio at `/`, OpenAPI and its page.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createServer } from '../../lib/server/app.js'
import { studioRoutes } from '../../lib/server/pages/studio.js'
import { ScriptedRunner } from './scripted.js'
import { asker, serve } from './world.js'

function built(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-studio-'))
  mkdirSync(path.join(folder, 'assets'))
  writeFileSync(path.join(folder, 'index.html'), '<!doctype html><title>studio</title>')
  writeFileSync(path.join(folder, 'assets/index-Ab3dE_9x.js'), 'export {}')
  writeFileSync(path.join(folder, 'assets/index-Ab3dE_9x.js.map'), '{}')
  return folder
}

test('the studio is served at / without a key, under a strict policy, from memory', async () => {
  const app = createServer(new ScriptedRunner(), { studio: false, apiKeys: [{ name: 'a', key: 'k'.repeat(16) }] })
  app.after(() => studioRoutes(app, built()))
  const ask = asker(await app.listen({ port: 0, host: '127.0.0.1' }))
  const page = await ask('/')
  expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
    200,
    'text/html; charset=utf-8',
    '<!doctype html><title>studio</title>',
  ])
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none';script-src 'self';style-src 'self';/)
  expect(page.headers.get('content-security-policy')).not.toMatch(/unsafe/)
  expect(page.headers.get('cache-control')).toBe('no-cache')
  expect((await ask('/', { headers: { 'if-none-match': page.headers.get('etag')! } })).status).toBe(304)
  const script = await ask('/assets/index-Ab3dE_9x.js')
  expect([script.headers.get('cache-control'), script.headers.get('content-type')]).toEqual([
    'public, max-age=31536000, immutable',
    'text/javascript; charset=utf-8',
  ])
  for (const other of ['/assets/index-Ab3dE_9x.js.map', '/assets/../index.html/', '/..%2f..%2fetc/passwd', '/index.html'])
    expect((await ask(other)).status, other).toBe(404)
  expect((await ask('/v1/info')).status).toBe(401)
  await app.close()
})

test('every route is described in OpenAPI 3.1 by its own schema, and on a page without scripts', async () => {
  const { ask } = await serve(new ScriptedRunner(), { studio: false })
  expect((await ask('/')).status).toBe(404)
  const found = (await (await ask('/openapi.json')).json()) as {
    openapi: string
    paths: Record<
      string,
      Record<string, { requestBody?: { content: object }; parameters?: { name: string; in: string }[]; security?: unknown[] }>
    >
  }
  expect(found.openapi).toBe('3.1.0')
  const paths = Object.entries(found.paths).flatMap(([place, methods]) => Object.keys(methods).map((method) => `${method} ${place}`))
  for (const one of ['post /v1/runs', 'get /v1/runs/{id}/events', 'patch /v1/runs/{id}', 'get /metrics', 'get /healthz'])
    expect(paths).toContain(one)
  expect(found.paths['/v1/runs/{id}/events']!['get']!.parameters!.map(({ name }) => name)).toEqual(['id', 'after', 'steps'])
  expect(JSON.stringify(found.paths['/v1/runs']!['post'])).toMatch(/Draws pictures from a text/)
  // A template has a parameter for each of its names, and bodies are what the routes read.
  for (const [place, methods] of Object.entries(found.paths))
    for (const [method, { parameters = [] }] of Object.entries(methods)) {
      const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`)
      expect([method, place, inPath]).toEqual([method, place, place.match(/\{\w+\}|\*/g) ?? []])
    }
  const taken = (place: string, method: string): string[] => Object.keys(found.paths[place]![method]!.requestBody!.content)
  for (const place of ['/v1/runs', '/v1/images/edits']) expect(taken(place, 'post')).toEqual(['application/json', 'multipart/form-data'])
  expect(taken('/v1/chat/completions', 'post')).toEqual(['application/json'])
  expect(taken('/v1/runs/{id}', 'patch')).toEqual(['application/json'])
  expect(found.paths['/healthz']!['get']!.security).toEqual([])
  const page = await ask('/docs')
  const html = await page.text()
  expect(html).toMatch(/<code>POST<\/code><code>\/v1\/runs<\/code>/)
  expect(html).not.toMatch(/<script|style=|https?:/)
  expect((await ask('/docs.css')).headers.get('content-type')).toMatch(/^text\/css/)
})
