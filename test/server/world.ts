// A server that listens while a test runs, and what asks it.
import { createServer as createTcpServer, connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { createServer } from '../../lib/server/app.js'
import type { App } from '../../lib/server/instance.js'
import type { ServerOptions } from '../../lib/server/types.js'
import { readEvents, type ServerEvent } from './server-events.js'
import type { Runner } from '../../lib/runner/runner.js'

export interface Served {
  readonly app: App
  readonly url: string
  readonly ask: (path: string, init?: RequestInit & { readonly json?: unknown }) => Promise<Response>
}

export async function serve(
  runner: Runner | Readonly<Record<string, Runner>>,
  options: ServerOptions = {},
  listen: { port?: number } = {},
): Promise<Served> {
  const app = createServer(runner, { drainMs: 0, ...options })
  const url = await app.listen({ port: 0, host: '127.0.0.1', ...listen })
  onTestFinished(() => app.close())
  return { app, url, ask: asker(url) }
}

export function asker(url: string): Served['ask'] {
  return (path, { json, ...init } = {}) => {
    const body: { method?: string; body?: string; headers?: Record<string, string> } =
      json === undefined ? {} : { method: 'POST', body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }
    return fetch(`${url}${path}`, {
      ...body,
      ...init,
      headers: { ...body.headers, ...(init.headers as Record<string, string> | undefined) },
    })
  }
}

/** Events until the stream ends, or until `until` says so. */
export async function eventsOf(response: Response, until: (event: ServerEvent) => boolean = () => false): Promise<ServerEvent[]> {
  const events: ServerEvent[] = []
  for await (const event of readEvents(response.body!, () => undefined)) {
    events.push(event)
    if (until(event)) break
  }
  return events
}

export async function eventually(check: () => unknown, what = 'it', ms = 5000): Promise<void> {
  const end = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`${what} did not come true within ${ms} ms`)
    await sleep(5)
  }
}

/** Passes bytes on to a server, until it is cut. */
export async function cable(url: string): Promise<{
  readonly url: string
  readonly cut: () => void
  readonly refuse: (yes: boolean) => void
  /** Bytes go nowhere, and nobody is told. */
  readonly swallow: (yes: boolean) => void
  readonly connections: () => number
}> {
  const { hostname, port } = new URL(url)
  const open = new Set<Socket>()
  let refusing = false
  let swallowing = false
  let count = 0
  const server = createTcpServer((socket) => {
    if (refusing) {
      socket.destroy()
      return
    }
    count++
    const far = connectTcp({ host: hostname, port: Number(port) })
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      open.add(one)
      one.on('data', (bytes) => swallowing || other.write(bytes))
      one.on('end', () => swallowing || other.end())
      one.on('error', () => undefined)
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const socket of open) socket.destroy()
  }
  onTestFinished(() => {
    cut()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    refuse: (yes) => (refusing = yes),
    swallow: (yes) => (swallowing = yes),
    connections: () => count,
  }
}
