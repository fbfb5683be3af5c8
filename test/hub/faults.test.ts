// Everything that a hub, a network or a disk does wrong ends in a whole, verified snapshot or in one sentence.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { execFileSync } from 'node:child_process'
import { describe, expect, test, vi } from 'vitest'
import { answer, COMMIT, noise, send, sha256, times, TOKEN, type Fault, type Seen } from './fake-hub.js'
import { expectTidy, expectWhole, FILES, snapshot, useWorld } from './world.js'

const world = useWorld()
const MODEL = 'model.safetensors'
const storage = ({ port, url }: Seen): boolean => port === 'storage' && url.endsWith(MODEL)
const bytes = FILES.find(({ path: name }) => name === MODEL)!.bytes

/** Cuts the connection after `count` bytes of content. */
function cut(count: number): Fault {
  return (seen, response) => {
    const [from, to] = seen.range ?? [0, bytes.length - 1]
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': String(to + 1 - from) })
    response.write(bytes.subarray(from, Math.min(to + 1, from + count)), () => response.destroy())
    return true
  }
}

describe('connections', () => {
  test('cut after every thousand bytes: each goes on where the last one was', async () => {
    world.hub.faults = [times(Infinity, storage, cut(1000))]
    await world.pull()
    expectWhole(world)
    const starts = world.hub.asked(MODEL).map(({ range }) => range![0])
    expect(starts).toEqual(Array.from({ length: 1000 }, (_, i) => i * 1000))
  })

  test('a process that ends at every thousandth byte: the next one goes on', async () => {
    world.hub.files = FILES.filter(({ path: name }) => name === MODEL)
    world.hub.pace = { chunk: 1000, ms: 0 }
    // None of them can have it all: at most a thousand bytes come in each.
    for (let at = 0; at < bytes.length - 1000; at += 1000) {
      const controller = new AbortController()
      const stop: Fault = (seen, response) => {
        const [from, to] = seen.range!
        response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': String(to + 1 - from) })
        response.write(bytes.subarray(from, from + 1000), () => setTimeout(() => controller.abort(new Error('stop')), 3))
        return true
      }
      world.hub.faults = [times(1, storage, stop)]
      await expect(world.pull('o/r', { signal: controller.signal })).rejects.toThrow('stop')
    }
    world.hub.faults = []
    await world.pull()
    expectWhole(world)
    const starts = world.hub.asked(MODEL).map(({ range }) => range![0])
    // What came in a process's last moments may come again; it is never less than what was there before.
    expect(starts).toEqual([...starts].sort((a, b) => a - b))
    expect(new Set(starts).size).toBeGreaterThan(800)
  })

  test('stalled', async () => {
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '1')
    const stall: Fault = (seen, response) => {
      const [from, to] = seen.range!
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': String(to + 1 - from) })
      response.write(bytes.subarray(from, from + 5000))
      return true
    }
    world.hub.faults = [times(2, storage, stall)]
    await world.pull()
    expectWhole(world)
    expect(world.hub.asked(MODEL).map(({ range }) => range![0])).toEqual([0, 5000, 10000])
  })

  test('an answer that never begins', async () => {
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '1')
    world.hub.faults = [times(1, storage, () => true)]
    await world.pull()
    expectWhole(world)
  })

  test('five retries without a byte, then a sentence; what came before stays', async () => {
    world.hub.faults = [times(1, storage, cut(600_000)), times(Infinity, storage, cut(0))]
    await expect(world.pull()).rejects.toMatchObject({
      code: 'hub/unavailable',
      retryable: true,
      message: expect.stringMatching(/^hf:o\/r: the connection was cut \(http:/) as string,
    })
    expect(world.hub.asked(MODEL).length).toBe(1 + 1 + 5)
    const [, kept] = world.hub.asked(MODEL).map(({ range }) => range![0])
    expect(kept).toBeGreaterThan(400_000) // what the server's kernel still held when it cut is lost
    world.hub.faults = []
    world.hub.seen.length = 0
    await world.pull()
    expect(world.hub.asked(MODEL)[0]!.range![0]).toBe(kept)
    expectWhole(world)
  })

  test('refused: no hub there at all', async () => {
    await world.hub.stop()
    await expect(world.pull()).rejects.toMatchObject({
      code: 'hub/unavailable',
      message: expect.stringMatching(/127\.0\.0\.1 refuses connections/) as string,
    })
    expectTidy(world)
  })
})

describe('bytes', () => {
  const wrong =
    (index: number): Fault =>
    (seen, response) => {
      const other = Buffer.from(bytes)
      other[index]! ^= 1
      const [from, to] = seen.range!
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': String(to + 1 - from) })
      response.end(other.subarray(from, to + 1))
      return true
    }

  test.each([0, 777_777, bytes.length - 1])('one wrong bit at byte %i', async (index) => {
    world.hub.faults = [times(1, storage, wrong(index))]
    await expect(world.pull()).rejects.toMatchObject({
      code: 'hub/mismatch',
      message: expect.stringContaining(`${MODEL}: expected SHA-256 ${sha256(bytes)}, got `) as string,
    })
    // Nothing of it stays, neither as content nor as a beginning.
    expect(readdirSync(path.join(world.cache, 'models--o--r/blobs')).some((name) => name.startsWith(sha256(bytes)))).toBe(false)
    await world.pull()
    expectWhole(world)
  })

  test('a file of git is verified too', async () => {
    world.hub.faults = [times(1, ({ url }) => url.endsWith('/config.json'), answer(200, {}, '{"model_type": "other"}\n'))]
    await expect(world.pull('o/r', { include: ['config.json'] })).rejects.toMatchObject({ code: 'hub/mismatch' })
  })

  test('damaged since another day: what was kept is fetched again', async () => {
    world.hub.faults = [times(1, storage, cut(600_000)), times(Infinity, storage, cut(0))]
    await expect(world.pull()).rejects.toThrow()
    const part = path.join(world.cache, 'models--o--r/blobs', `${sha256(bytes)}.dimoo.incomplete`)
    const there = readFileSync(part)
    there[12_345]! ^= 255
    writeFileSync(part, there)
    world.hub.faults = []
    await world.pull()
    expectWhole(world)
  })

  test('another file than the list promised is refused before its bytes come', async () => {
    world.hub.faults = [
      times(
        1,
        ({ url }) => url.endsWith(`resolve/${COMMIT}/${MODEL}`),
        (_, response) => {
          const headers = { 'x-linked-etag': `"${sha256(noise(5))}"`, 'x-linked-size': String(bytes.length) }
          send(response, 302, { ...headers, location: `${world.hub.storage}/blob/${MODEL}` }, '')
          return true
        },
      ),
    ]
    await expect(world.pull()).rejects.toMatchObject({
      code: 'hub/mismatch',
      message: expect.stringMatching(/expected the file/) as string,
    })
  })

  test('another length, another place, a compressed answer', async () => {
    const part = (headers: Record<string, string>): Fault => answer(206, headers, 'abc')
    for (const [fault, message] of [
      [part({ 'content-range': `bytes 0-2/3` }), /Content-Range 'bytes 0-2\/3'/],
      [part({ 'content-range': `bytes 5-7/${bytes.length}` }), /expected bytes 0-999999 of 1000000, got Content-Range 'bytes 5-7/],
      [part({}), /Content-Range ''/],
      [answer(200, {}, 'abc'), /expected 1000000 bytes, got 3/],
      [answer(200, { 'content-encoding': 'gzip' }, 'abc'), /got them as gzip/],
    ] as const) {
      world.hub.faults = [times(1, storage, fault)]
      await expect(world.pull()).rejects.toMatchObject({ code: 'hub/mismatch', message: expect.stringMatching(message) as string })
    }
  })
})

describe('answers', () => {
  const resolve = ({ url }: Seen): boolean => url.includes(`/resolve/`) && url.endsWith(MODEL)
  const revision = ({ url }: Seen): boolean => url.includes('/revision/')
  const fails = async (fault: Fault, code: string, message: RegExp): Promise<void> => {
    world.hub.faults = [fault]
    await expect(world.pull('o/r', { token: TOKEN })).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect(await world.pull('o/r', { token: TOKEN }).catch((error: unknown) => String(error))).not.toContain(TOKEN)
  }

  test('401, 403, gated: denied, with the page', async () => {
    const page = '/o/r'
    await fails(
      times(9, revision, answer(401)),
      'hub/denied',
      new RegExp(`no such repository, or a private one.*${page}.*HF_TOKEN, got HTTP 401`),
    )
    await fails(times(9, resolve, answer(401)), 'hub/denied', new RegExp(`hf:o/r: .*${page}, or a token.*HTTP 401`))
    await fails(
      times(9, resolve, answer(403, { 'x-error-code': 'GatedRepo' })),
      'hub/denied',
      new RegExp(`is gated: accept its terms at ${world.hub.endpoint}${page} and`),
    )
    await fails(times(9, revision, answer(403)), 'hub/denied', /HTTP 403/)
  })

  test('404: repository, revision, file', async () => {
    await expect(world.pull('o/none')).rejects.toMatchObject({
      code: 'model/not-found',
      message: expect.stringMatching(/no such repository or file at http/) as string,
    })
    await expect(world.pull('o/r@gone')).rejects.toMatchObject({
      code: 'model/not-found',
      message: expect.stringMatching(/^hf:o\/r@gone: no such revision/) as string,
    })
    await expect(world.pull('hf:o/r/x.gguf')).rejects.toMatchObject({
      code: 'model/not-found',
      message: expect.stringMatching(
        /^hf:o\/r\/x\.gguf: expected one of the repository's files, got no such; it holds model\.safetensors$/,
      ) as string,
    })
    await fails(times(9, resolve, answer(404, { 'x-error-code': 'EntryNotFound' })), 'model/not-found', /no such file/)
  })

  test('pickles', async () => {
    for (const options of [{ file: 'pytorch_model.bin' }, { include: ['*.bin'] }]) {
      await expect(world.pull('o/r', options)).rejects.toMatchObject({
        code: 'request/invalid',
        message: expect.stringMatching(/pickles are not fetched/) as string,
      })
    }
    expect(world.hub.asked('pytorch_model.bin')).toEqual([])
  })

  test('416', async () => {
    await fails(times(9, storage, answer(416, { 'content-range': 'bytes */10' })), 'hub/mismatch', /expected a longer file.*HTTP 416/)
  })

  test('429 with Retry-After is waited for; a wait without end is not', async () => {
    world.hub.faults = [times(1, resolve, answer(429, { 'retry-after': '1' }))]
    const before = performance.now()
    await world.pull()
    expect(performance.now() - before).toBeGreaterThan(1000)
    expectWhole(world)
    rmSync(world.cache, { recursive: true })
    await fails(times(99, revision, answer(429, { 'retry-after': '86400' })), 'hub/unavailable', /HTTP 429/)
    expect(world.hub.seen.filter(revision).length).toBeLessThan(6)
  })

  test('429 as the Hub counts it', async () => {
    world.hub.faults = [times(1, revision, answer(429, { ratelimit: '"api";r=0;t=0' }))]
    const before = performance.now()
    await world.pull()
    expect(performance.now() - before).toBeGreaterThan(1000)
  })

  test.each([500, 502, 503, 504, 408])('%i, then fine', async (status) => {
    world.hub.faults = [times(2, revision, answer(status)), times(2, resolve, answer(status)), times(2, storage, answer(status))]
    await world.pull()
    expectWhole(world)
  })

  test('500 for ever', async () => {
    await fails(times(999, storage, answer(500, { 'x-error-message': 'on fire' })), 'hub/unavailable', /answered HTTP 500, on fire \(http/)
  })

  test('an address that has expired is asked for again', async () => {
    world.hub.files = [{ path: MODEL, bytes: noise(70 * 1024 * 1024, 8) }]
    world.hub.faults = [times(1, (seen) => storage(seen) && seen.range![0] > 40_000_000, answer(403, {}, 'expired'))]
    await world.pull('o/r', { connections: 1 })
    expectWhole(world)
    expect(world.hub.seen.filter(resolve).length).toBe(2)
  })

  test('a server that knows no ranges', async () => {
    const whole: Fault = async (seen, response) => {
      response.writeHead(200, { 'content-length': String(world.hub.files[0]!.bytes.length) })
      await world.hub.stream(world.hub.files[0]!.bytes, seen, response)
      return true
    }
    world.hub.files = [{ path: MODEL, bytes: noise(70 * 1024 * 1024, 8) }]
    world.hub.faults = [times(99, storage, whole)]
    await world.pull()
    expectWhole(world)
  })

  test('a server that knows no ranges and is cut once', async () => {
    const half: Fault = (_, response) => {
      response.writeHead(200, { 'content-length': String(bytes.length) })
      response.write(bytes.subarray(0, 500_000), () => response.destroy())
      return true
    }
    const whole: Fault = (_, response) => {
      response.writeHead(200, { 'content-length': String(bytes.length) })
      response.end(bytes)
      return true
    }
    world.hub.faults = [times(1, storage, half), times(99, storage, whole)]
    await world.pull()
    expectWhole(world)
  })

  test('redirects without end, to nowhere, to a file of this machine', async () => {
    await fails(
      times(99, resolve, (seen, response) => (send(response, 302, { location: seen.url }, ''), true)),
      'hub/unavailable',
      /redirected more than 10 times/,
    )
    await fails(times(99, resolve, answer(302, { location: 'file:///etc/passwd' })), 'hub/unavailable', /redirected to file:/)
  })

  test('what is no hub', async () => {
    await fails(
      times(99, revision, answer(200, {}, '<html>hello')),
      'hub/unavailable',
      /expected JSON, as a hub answers, got '<html>hello'/,
    )
    await fails(times(99, revision, answer(200, {}, '{}')), 'hub/unavailable', /expected a commit of 40 hexadecimal digits/)
    await fails(
      times(99, ({ url }) => url.includes('/tree/'), answer(200, {}, '{"a": 1}')),
      'hub/unavailable',
      /expected a list of files/,
    )
  })

  test.each(['../../evil', '/etc/passwd', 'a/../../b', 'C:\\x', 'nul', 'a//b', 'x\u0000y'])(
    'a path that leads out of the folder: %j',
    async (name) => {
      const entry = [{ type: 'file', path: name, size: 1, oid: 'a'.repeat(40) }]
      await fails(
        times(9, ({ url }) => url.includes('/tree/'), answer(200, {}, JSON.stringify(entry))),
        'hub/unavailable',
        /expected paths below a folder/,
      )
      expectTidy(world)
    },
  )
})

describe('disk', () => {
  const mounted = (): boolean => process.getuid?.() === 0 && process.platform === 'linux'

  test.runIf(mounted())('too little room is known before the first byte', async () => {
    const disk = path.join(world.cache, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk])
    try {
      await expect(world.pull('o/r', { cache: disk })).rejects.toMatchObject({
        code: 'output/failed',
        message: expect.stringMatching(/expected room for 13\d+ bytes, got \d+/) as string,
      })
      expect(world.hub.seen.filter(({ port }) => port === 'storage')).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test.runIf(mounted())('a disk that fills up meanwhile: a sentence; with room again it goes on', async () => {
    const disk = path.join(world.cache, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2400k', 'tmpfs', disk])
    try {
      const fill: Fault = () => {
        writeFileSync(path.join(disk, 'other'), Buffer.alloc(1_700_000))
        return false
      }
      world.hub.faults = [times(1, storage, fill)]
      await expect(world.pull('o/r', { cache: disk })).rejects.toMatchObject({
        code: 'output/failed',
        message: expect.stringMatching(/the disk is full/) as string,
      })
      rmSync(path.join(disk, 'other'))
      await world.pull('o/r', { cache: disk })
      expect(readFileSync(path.join(snapshot(disk), MODEL)).equals(bytes)).toBe(true)
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test('a cache that cannot be written', async () => {
    const file = path.join(world.cache, 'file')
    writeFileSync(file, '')
    await expect(world.pull('o/r', { cache: path.join(file, 'sub') })).rejects.toMatchObject({ code: 'output/failed' })
  })
})
