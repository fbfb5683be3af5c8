// Which methods the paths of a server have, so that a wrong method is told apart from a path that is not there.
import type { RouteOptions } from 'fastify'
import type { App } from './instance.js'

/** Call it before any route is added. What it returns gives the methods of a path, none where there is no such path. */
export function methodsByPath(app: App): (path: string) => readonly string[] {
  const found = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    if (url === '*') return // every path: says nothing of one
    const known = found.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const one of [method].flat()) known.methods.add(one)
    found.set(url, known)
  })
  return (path) => [...new Set([...found.values()].flatMap(({ pattern, methods }) => (pattern.test(path) ? [...methods] : [])))].sort()
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+'
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
