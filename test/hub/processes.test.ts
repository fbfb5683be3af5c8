// Several processes and killed ones, with the built package: one download between two, nothing fetched twice after a kill but the last
// megabyte of each piece.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { noise, sha256 } from './fake-hub.js'
import { expectWhole, useWorld } from './world.js'

const world = useWorld()
const PIECE = 32 * 1024 * 1024
const MEBIBYTE = 1024 * 1024
const module_ = path.resolve(import.meta.dirname, '../../dist/hub/index.js')
const SCRIPT = `
  import { pull } from ${JSON.stringify(module_)}
  const report = await pull('o/r', { connections: 4, onProgress: ({ loadedBytes, totalBytes }) => console.log(loadedBytes, totalBytes) })
  console.log(JSON.stringify(report))`

function start(): ChildProcess & { readonly output: () => string } {
  const env = { ...process.env, HF_ENDPOINT: world.hub.endpoint, HF_HUB_CACHE: world.cache }
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return Object.assign(child, { output: () => text })
}

interface Report {
  readonly fetchedBytes: number
}

async function report(child: ReturnType<typeof start>): Promise<Report> {
  if (child.exitCode === null) await once(child, 'exit')
  expect(child.exitCode).toBe(0)
  return JSON.parse(child.output().trim().split('\n').at(-1)!) as Report
}

test('two processes at once share one download', async () => {
  world.hub.files = [{ path: 'model.safetensors', bytes: noise(3_000_000, 2) }]
  world.hub.pace = { chunk: 100_000, ms: 20 }
  const children = [start(), start()]
  const reports = await Promise.all(children.map(report))
  expectWhole(world)
  expect(world.hub.asked('model.safetensors').length).toBe(1)
  expect(reports.map(({ fetchedBytes }) => fetchedBytes).sort((a, b) => a - b)).toEqual([0, 3_000_000])
  // The one that waits tells how far the other is.
  for (const child of children) expect(child.output()).toMatch(/^[1-9]\d{5,6} 3000000$/m)
})

test('killed: the next process fetches what is missing, and at most a megabyte a piece again', async () => {
  const bytes = noise(4 * PIECE - 12_345, 6)
  world.hub.files = [{ path: 'model.safetensors', bytes }]
  for (const part of [0.15, 0.3, 0.3]) {
    world.hub.budget = part * bytes.length
    const child = start()
    while (world.hub.budget > 0) await sleep(20)
    await sleep(1000) // all that was sent has come
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  world.hub.budget = Infinity
  const { fetchedBytes } = await report(start())
  expectWhole(world)
  const asked = world.hub.asked('model.safetensors')
  const again = Array.from({ length: 4 }, (_, piece) => {
    const own = asked.filter(({ range }) => Math.floor(range![0] / PIECE) === piece)
    return own.slice(1).map(({ range }, i) => own[i]!.range![0] + own[i]!.sent - range![0])
  })
  expect(again.flat().length).toBeGreaterThan(3)
  for (const overlap of again.flat()) expect(overlap).toBeLessThanOrEqual(MEBIBYTE)
  expect(fetchedBytes).toBeLessThan(0.4 * bytes.length)
})

test('the lock of a killed process is nobody`s; that of another machine is waited for', async () => {
  const lock = path.join(world.cache, '.locks/models--o--r', `${sha256(world.hub.files[2]!.bytes)}.dimoo`)
  mkdirSync(path.dirname(lock), { recursive: true })
  writeFileSync(lock, JSON.stringify({ id: 'x', pid: 4_194_000, host: hostname() }))
  await world.pull()
  expectWhole(world)
  const other = path.join(world.cache, '.locks/models--o--r', 'other.dimoo')
  const { withLock } = await import('../../lib/base/lock.js')
  writeFileSync(other, JSON.stringify({ id: 'y', pid: 1, host: 'elsewhere' }))
  let waited = 0
  const done = withLock(other, () => Promise.resolve('mine'), { onWait: () => Promise.resolve(++waited > 1e9) })
  while (waited < 3) await sleep(20)
  const longAgo = new Date(Date.now() - 60_000)
  utimesSync(other, longAgo, longAgo) // its holder touches it no more
  expect(await done).toBe('mine')
})

test('many that wait for one lock take turns', async () => {
  const { withLock } = await import('../../lib/base/lock.js')
  const lock = path.join(world.cache, '.locks', 'x.dimoo')
  let inside = 0
  let most = 0
  const body = async (): Promise<void> => {
    most = Math.max(most, ++inside)
    await sleep(5)
    inside--
  }
  await Promise.all(Array.from({ length: 8 }, () => withLock(lock, body)))
  expect(most).toBe(1)
})
