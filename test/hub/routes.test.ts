// Ways to the hub: a mirror with a path, a proxy, and what the cache holds afterwards.
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { listPulled, removePulled } from '../../lib/hub/inventory.js'
import { COMMIT, noise } from './fake-hub.js'
import { expectWhole, FILES, snapshot, useWorld } from './world.js'

describe('a mirror with a path', () => {
  const world = useWorld(FILES, { prefix: '/mirror/hf' })
  test('is asked below that path, page by page', async () => {
    world.hub.page = 2
    await world.pull()
    expectWhole(world)
    const urls = world.hub.seen.filter(({ port }) => port === 'hub').map(({ url }) => url)
    expect(urls.every((url) => url.startsWith('/mirror/hf/'))).toBe(true)
  })
})

describe('a proxy', () => {
  const world = useWorld()
  const tunnels: string[] = []
  let proxy: Server
  beforeEach(async () => {
    tunnels.length = 0
    proxy = createServer((_, response) => void response.writeHead(405).end())
    proxy.on('connect', (request, client) => {
      tunnels.push(request.url!)
      const [host, port] = request.url!.split(':')
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        upstream.pipe(client).pipe(upstream)
      })
      for (const socket of [upstream, client]) socket.on('error', () => void (upstream.destroy(), client.destroy()))
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  })
  afterEach(() => void (proxy.closeAllConnections(), proxy.close()))
  const address = (): string => `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`

  test.each(['http_proxy', 'HTTP_PROXY', 'ALL_PROXY'])('from %s', async (name) => {
    vi.stubEnv(name, address())
    await world.pull()
    expectWhole(world)
    expect(new Set(tunnels).size).toBe(2) // hub and storage
  })

  test('not for hosts of NO_PROXY', async () => {
    vi.stubEnv('http_proxy', address())
    vi.stubEnv('no_proxy', '127.0.0.1')
    await world.pull()
    expect(tunnels).toEqual([])
  })

  test('that is not there', async () => {
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9')
    await expect(world.pull()).rejects.toMatchObject({ code: 'hub/unavailable' })
  })
})

describe('the cache', () => {
  const world = useWorld()
  const options = (): { cache: string } => ({ cache: world.cache })

  test('nothing in it', async () => {
    expect(await listPulled({ cache: path.join(world.cache, 'none') })).toEqual([])
    await expect(removePulled('o/r', options())).rejects.toMatchObject({
      code: 'model/not-found',
      message: expect.stringMatching(/there is nothing of it$/) as string,
    })
  })

  test('what is in it, and without it again', async () => {
    const { bytes } = await world.pull()
    expect(await listPulled(options())).toMatchObject([
      { repo: 'o/r', commit: COMMIT, refs: ['main'], path: snapshot(world.cache), files: 5, bytes, missing: 0, models: ['safetensors'] },
    ])
    expect(await removePulled('o/r', options())).toEqual({ repo: 'o/r', commits: [COMMIT], freedBytes: bytes })
    expect(await listPulled(options())).toEqual([])
  })

  test('one revision of two: what both have stays', async () => {
    await world.pull('o/r@v1')
    const second = COMMIT.replace('1', '2')
    world.hub.commit = second
    world.hub.files = FILES.map((file) => (file.path === 'tokenizer.json' ? { ...file, bytes: noise(500, 9) } : file))
    await world.pull()
    await expect(removePulled('o/r@v9', options())).rejects.toMatchObject({
      code: 'model/not-found',
      message: expect.stringMatching(/there are .*(v1|main)/) as string,
    })
    expect(await removePulled('o/r@v1', options())).toEqual({ repo: 'o/r', commits: [COMMIT], freedBytes: 300_000 })
    expect((await listPulled(options())).map(({ commit, refs }) => [commit, refs])).toEqual([[second, ['main']]])
    expectWhole(world)
  })

  test('not while a process is fetching it', async () => {
    await world.pull()
    const lock = path.join(world.cache, '.locks/models--o--r/x.dimoo')
    mkdirSync(path.dirname(lock), { recursive: true })
    writeFileSync(lock, JSON.stringify({ id: 'x', pid: process.pid, host: hostname() }))
    await expect(removePulled('o/r', options())).rejects.toMatchObject({ code: 'request/invalid' })
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(lock, longAgo, longAgo)
    await removePulled('o/r', options())
  })
})
