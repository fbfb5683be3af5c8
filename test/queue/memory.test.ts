// What Redis loses: all of its memory, the answer to a command, or itself for a while. Runs whose callers are there go on, each step is seen
// once, an order is followed once, and new runs are told in time.
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { DimooError, loadModel, type DimooModel } from '../../lib/index.js'
import { Keys, jobOf } from '../../lib/queue/keys.js'
import { give } from '../../lib/queue/orders.js'
import type { KeptRun } from '../../lib/runner/runner.js'
import { createQueue, createWorker, type Queue, type Worker } from '../../lib/queue/index.js'
import { RedisServer } from './redis.js'
import { essence, failure, quiet, waitingAtMost } from '../fleet.js'

const until = waitingAtMost(60_000)
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const long = { prompt: 'a large yellow star on a black background', seed: 7, steps: 64, n: 4 }
const counting = Array.from({ length: 64 }, (_, i) => i)

let redis: RedisServer
let folder: string
let model: DimooModel
let alone: unknown
const opened: { close(): Promise<void> }[] = []
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-store-'))
  model = await loadModel(undefined, { threads: 1 })
  alone = essence(await model.generate(long).result())
})
beforeEach(async () => {
  redis = await RedisServer.start()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  await redis.end()
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

const opening = async <T extends { close(): Promise<void> }>(making: Promise<T>): Promise<T> => {
  const made = await making
  opened.push(made)
  return made
}
const worker = (): Promise<Worker> =>
  opening(createWorker({ connection: redis.url, store: folder, runner: model, snapshotEvery: 50, logger: quiet }))
const queueAt = (connection: string): Promise<Queue> => opening(createQueue({ connection, store: folder, logger: quiet }))

/** The steps of its first picture, until its end; `at` is called at step 20. */
async function seenOf(run: ReturnType<Queue['generate']>, at: () => Promise<unknown>): Promise<number[]> {
  const seen: number[] = []
  for await (const { image, step, skipped, changed, tokens } of run) {
    if (image !== 0) continue
    expect([step, skipped]).toEqual([step, 0])
    for (const cell of changed) expect(tokens[cell]).toBeGreaterThanOrEqual(0)
    seen.push(step)
    if (step === 20) await at()
  }
  return seen
}

test('all of its memory: runs whose callers wait begin again, with the bits they would have had', async () => {
  const [queue, other] = [await queueAt(redis.url), await queueAt(redis.url)]
  await worker()
  const run = queue.generate(long, { id: 'kept', delivery: 'all' })
  const waiting = other.generate({ ...long, n: 1 }, { id: 'too' })
  const client = redis.client()
  const flushed = seenOf(run, async () => client.call('FLUSHALL'))
  expect(await flushed).toEqual(counting)
  expect(essence(await run.result())).toEqual(alone)
  expect(essence(await waiting.result())).toEqual(essence(await model.generate({ ...long, n: 1 }).result()))
  client.disconnect()
})

test('all of its memory, in a restart without its file: what was masked again is masked again once more', async () => {
  const queue = await queueAt(redis.url)
  await worker()
  const run = queue.generate(long, { id: 'restarted', delivery: 'all' })
  const seen: number[] = []
  for await (const step of run) {
    if (step.image !== 0) continue
    seen.push(step.step)
    if (step.step === 10) await run.remask({ left: 0, top: 0, width: 32, height: 16 })
    if (step.step !== 20) continue
    await redis.stop()
    rmSync(path.join(redis.folder, 'appendonlydir'), { recursive: true, force: true })
    await redis.start()
  }
  expect(seen).toEqual(counting)
  expect((await run.result()).remasked).toHaveLength(1)
}, 240_000)

test('itself for three quarters of a minute: runs go on, new ones are told that it does not answer', async () => {
  const queue = await queueAt(redis.url)
  await worker()
  const run = queue.generate(long, { id: 'patient', delivery: 'all' })
  let refused: unknown
  const seen = await seenOf(run, async () => {
    await redis.stop()
    const from = performance.now()
    refused = await failure(queue.generate(long, { id: 'late' }).result())
    await sleep(45_000 - (performance.now() - from))
    await redis.start()
  })
  expect(refused).toSatisfy((error) => DimooError.is(error, 'server/unavailable'))
  expect(seen).toEqual(counting)
  expect(essence(await run.result())).toEqual(alone)
  expect(essence(await queue.generate(long, { id: 'late' }).result())).toEqual(alone)
}, 300_000)

test('the answer to an order: sent again, it is followed once', async () => {
  await worker()
  // Between us and Redis: cuts the line once such a command has got there, before its answer comes back.
  const lines = new Set<Socket>()
  let cut: string | undefined
  const between = createServer((near) => {
    const far = connect(redis.port, '127.0.0.1')
    lines.add(near).add(far)
    let isCut = false
    near.on('data', (bytes: Buffer) => {
      isCut ||= cut !== undefined && bytes.includes(cut)
      if (isCut) cut = undefined
      far.write(bytes)
    })
    far.on('data', (bytes) => (isCut ? near.destroy() : near.write(bytes)))
    near.on('close', () => far.destroy()).on('error', () => undefined)
    far.on('close', () => near.destroy()).on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(between, 'listening')
  const queue = await queueAt(`redis://127.0.0.1:${(between.address() as AddressInfo).port}`)
  const others = [await queueAt(redis.url), await queueAt(redis.url)]
  const run = queue.generate({ ...long, n: 16 }, { id: 'once', delivery: 'all' })
  for await (const { image, step } of run) {
    if (image !== 0 || step !== 3) continue
    cut = 'remask'
    const region = { left: 0, top: 0, width: 32, height: 16 }
    await run.remask(region)
    expect(cut).toBeUndefined()
    // Whoever asks a server names it, and asks another one for the same: at once, and once it has been followed.
    const there = (await others[0]!.attach('once')) as KeptRun | undefined
    await Promise.all([run as KeptRun, there!].map((one) => one.remask(region, { order: 'mine' })))
    await there!.remask(region, { order: 'mine' })
    const late = (await others[1]!.attach('once')) as KeptRun | undefined
    await late!.remask(region, { order: 'mine' })
  }
  expect((await run.result()).remasked).toHaveLength(2)
  // Whoever gives it names it: another name is another order.
  const client = redis.client()
  const keys = new Keys('default').run(jobOf('orders', undefined))
  for (const name of ['a', 'b', 'a', 'a']) await give(client, keys, name, 'pause')
  expect(await client.xlen(keys.orders)).toBe(2)
  client.disconnect()
  for (const one of opened.splice(0).reverse()) await one.close()
  for (const line of lines) line.destroy()
  between.close()
})

test('a lock, and finds it again before its first hands have let go: the second ones keep it', async () => {
  const queue = await queueAt(redis.url)
  let letGo: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  // The first snapshot of the first run does not come.
  let first = true
  const slow = new Proxy(model, {
    get(on, name) {
      const found = Reflect.get(on, name, on) as unknown
      if (name !== 'run') return typeof found === 'function' ? (found.bind(on) as unknown) : found
      return (...args: Parameters<DimooModel['run']>) => {
        const run = on.run(...args)
        if (!first) return run
        first = false
        const snapshot = run.snapshot.bind(run)
        return Object.assign(run, { snapshot: () => gate.then(snapshot) })
      }
    },
  })
  const hands = await opening(createWorker({ connection: redis.url, store: folder, runner: slow, snapshotEvery: 50, logger: quiet }))
  const run = queue.generate({ ...long, n: 1, steps: 200 }, { id: 'again', delivery: 'all' })
  const client = redis.client()
  const keys = new Keys('default').run(jobOf('again', undefined))
  for await (const { step } of run) {
    if (step !== 5) continue
    await client.set(keys.lock, 'of somebody else')
    await sleep(200)
    await client.del(keys.lock) // who has died
    await until(async () => (await client.exists(keys.lock)) === 1)
    await run.pause()
    letGo()
    await sleep(500)
    expect((await hands.stats()).jobs).toBe(1)
    await run.continue()
  }
  await run.result()
  client.disconnect()
})
