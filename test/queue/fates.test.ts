// What becomes of a job whose worker leaves, loses it, or dies over it again and again; and of a name that was cancelled.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Worker as BullWorker, Queue as BullQueue } from 'bullmq'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { DimooError, loadModel, type DimooModel } from '../../lib/index.js'
import { Keys, jobOf, PREFIX } from '../../lib/queue/keys.js'
import { createQueue, createWorker, type Queue, type Worker } from '../../lib/queue/index.js'
import { RedisServer } from './redis.js'
import { quiet, waitingAtMost } from '../fleet.js'

const until = waitingAtMost(60_000)
const keysOf = (id: string, queue = 'default'): ReturnType<Keys['run']> => new Keys(queue).run(jobOf(id, undefined))
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

let redis: RedisServer
let client: Redis
let folder: string
let model: DimooModel
let queue: Queue
beforeAll(async () => {
  redis = await RedisServer.start()
  client = redis.client()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-store-'))
  model = await loadModel(undefined, { threads: 1 })
  queue = await createQueue({ connection: redis.url, store: folder, logger: quiet })
})
afterAll(async () => {
  await queue.close()
  await model.close()
  client.disconnect()
  await redis.end()
  rmSync(folder, { recursive: true, force: true })
})

// Also of a test that fails nobody is left who takes the next one's jobs.
const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function worker(options: Partial<Parameters<typeof createWorker>[0]> = {}): Promise<Worker> {
  const made = await createWorker({ connection: redis.url, store: folder, runner: model, snapshotEvery: 50, logger: quiet, ...options })
  opened.push(made)
  return made
}

const long = { prompt: 'a large yellow star on a black background', seed: 7, steps: 64, n: 2 }
const tokensOf = async (run: { result(): Promise<{ images: readonly { tokens: Int32Array }[] }> }): Promise<Int32Array[]> =>
  (await run.result()).images.map(({ tokens }) => tokens)

test('a worker process that is told to end writes down how far it is and gives its jobs back at once', async () => {
  const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')
  // Nothing is written down but after the first step, and at the end.
  const args = [main, 'worker', '--redis', redis.url, '--store', folder, '--threads', '1', '--snapshot-every', '3600000', '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"working"')) break
  const run = queue.generate({ ...long, n: 8 }, { id: 'left', delivery: 'all' })
  const seen: number[] = []
  let second: Worker | undefined
  for await (const { image, step } of run) {
    if (image !== 0) continue
    seen.push(step)
    if (step !== 12) continue
    child.kill('SIGTERM')
    const [code] = (await ended) as [number]
    expect(code).toBe(0)
    // Neither active nor stalled: whoever comes takes it, and knows how far it is.
    expect(await client.exists(keysOf('left').lock)).toBe(0)
    expect((await queue.stats()).queued).toBe(1)
    expect(Number(await client.hget(keysOf('left').snapshot, 'step'))).toBeGreaterThan(12)
    second = await worker()
  }
  expect(seen).toEqual(Array.from({ length: 64 }, (_, i) => i))
  expect((await second!.stats()).resumed).toBe(1)
  expect(await tokensOf(run)).toEqual(await tokensOf(model.generate({ ...long, n: 8 })))
})

test('a worker that has lost a job drops it, and says nothing more of it', async () => {
  const keys = keysOf('taken')
  const first = await worker()
  const run = queue.generate({ ...long, n: 4 }, { id: 'taken', delivery: 'all' })
  for await (const { image, step } of run) {
    if (image !== 0 || step !== 12) continue
    const told = async (): Promise<(string | null)[]> => [await client.hget(keys.seen, 'n'), await client.hget(keys.snapshot, 'step')]
    await client.set(keys.lock, 'of somebody else')
    const before = await told()
    await until(async () => (await first.stats()).jobs === 0)
    expect((await model.stats()).running).toBe(0)
    await sleep(300)
    expect(await told()).toEqual(before)
    expect((await first.stats()).ended).toBe(0)
    await client.del(keys.lock) // who has died
  }
  expect(await tokensOf(run)).toEqual(await tokensOf(model.generate({ ...long, n: 4 })))
})

test('five workers that die over a job in a row end it, unless it comes further', async () => {
  // One that takes a job and is never heard of again, its lock gone at once.
  const connection = { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null }
  const doomed = new BullWorker('doomed', null, { connection, prefix: PREFIX, autorun: false, skipLockRenewal: true })
  const jobs = new BullQueue('doomed', { connection, prefix: PREFIX })
  const own = await createQueue({ connection: redis.url, store: folder, name: 'doomed', logger: quiet })
  const keys = keysOf('poison', 'doomed')
  // It looks after the jobs of others, and takes none: its room is taken.
  const runner = await loadModel(undefined, { threads: 1 })
  const watcher = await worker({ name: 'doomed', runner, concurrency: 1 })
  const busy = own.generate({ ...long, n: 1 }, { id: 'busy' })
  await until(async () => (await watcher.stats()).jobs === 1)
  await busy.pause()
  const run = own.generate({ prompt: 'x', steps: 8, seed: 1 }, { id: 'poison' })
  const failed = run.result().then(
    () => 'no failure',
    (error: unknown) => error,
  )
  let deaths = 0
  const take = async (): Promise<boolean> => Boolean(await doomed.getNextJob('doomed', { block: false }))
  const die = async (): Promise<void> => {
    await until(take)
    await client.del(keys.lock)
    deaths++
  }
  for (let i = 0; i < 2; i++) await die()
  await until(async () => Number(await client.hget(keys.job, 'stc')) === 2)
  // A step further forgives them.
  const { checkpoint } = await import('../../lib/queue/scripts.js')
  await until(take)
  expect(await checkpoint(client, keys, { token: 'doomed', step: 1, applied: '0-0', bytes: Uint8Array.of(1) })).toBe('ok')
  expect(await client.hget(keys.job, 'stc')).toBeNull()
  await client.del(keys.lock)
  for (let i = 0; i < 4; i++) await die()
  busy.abort()
  await busy.result().catch(() => undefined)
  const error = await failed
  expect(error).toSatisfy((one) => DimooError.is(one, 'device/lost'))
  expect((error as Error).message).toMatch(/five in a row/)
  expect(deaths).toBe(6) // and the one in between
  await watcher.close()
  for (const one of [doomed, jobs, own, runner]) await one.close()
}, 240_000)

test('a name that was cancelled while it waited is free again', async () => {
  const keys = keysOf('again')
  await (await worker()).close() // it tells what the model is
  const waiting = queue.generate({ prompt: 'x', steps: 2, seed: 1 }, { id: 'again' })
  await until(async () => (await queue.stats()).queued === 1)
  waiting.abort()
  await expect(waiting.result()).rejects.toMatchObject({ name: 'AbortError' })
  await until(async () => (await client.exists(keys.job)) === 0)
  await until(async () => {
    const ttl = await client.pttl(keys.cancelled)
    return ttl > 0 && ttl <= 60_000
  })
  // Of one that has ended nothing is kept.
  await worker()
  const done = queue.generate({ prompt: 'x', steps: 2, seed: 1 }, { id: 'done' })
  await done.result()
  const { cancel } = await import('../../lib/queue/orders.js')
  await cancel(client, keysOf('done'))
  expect(await client.exists(keysOf('done').cancelled)).toBe(0)
})
