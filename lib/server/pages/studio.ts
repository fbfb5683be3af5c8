// The studio's page at `/`: the built files, read once and served from memory, so that no path of a request ever names a file. Where it
// was not built, there is nothing at `/`.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { packageRoot } from '../../base/package-root.js'
import type { App } from '../instance.js'

/** Built beside the compiled server; a checkout's tests run from the source and find it there too. */
export const STUDIO = path.join(packageRoot, 'dist/studio')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}

interface Page {
  readonly url: string
  readonly type: string
  readonly bytes: Buffer
  readonly packed: Buffer
  readonly tag: string
  /** Its name holds a hash of what is in it. */
  readonly fixed: boolean
}

/** Every built file as a route; the folder is read now. */
export function studioRoutes(app: App, folder: string): void {
  for (const page of pagesOf(folder)) {
    app.get(page.url, { config: { public: true }, schema: { hide: true } }, async (request, reply) => {
      void reply.header('etag', page.tag).header('vary', 'accept-encoding')
      void reply.header('cache-control', page.fixed ? 'public, max-age=31536000, immutable' : 'no-cache')
      if (request.headers['if-none-match'] === page.tag) return reply.code(304).send()
      void reply.type(page.type)
      if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(page.bytes)
      return reply.header('content-encoding', 'gzip').send(page.packed)
    })
  }
}

function pagesOf(folder: string): Page[] {
  if (!existsSync(path.join(folder, 'index.html'))) return []
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => statSync(path.join(folder, name)).isFile())
  return names.flatMap((name) => {
    const type = TYPES[path.extname(name)]
    if (type === undefined) return [] // source maps and the like
    const bytes = readFileSync(path.join(folder, name))
    const tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    const url = name === 'index.html' ? '/' : `/${name.split(path.sep).map(encodeURIComponent).join('/')}`
    return [{ url, type, bytes, packed: gzipSync(bytes), tag, fixed: /[-.][\w-]{8,}\.\w+$/.test(name) }]
  })
}
