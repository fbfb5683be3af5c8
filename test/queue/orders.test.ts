// Orders to a run in a queue: how many there may be, what is said of one that was followed before the end, and that answers among a run's
// events hide nothing of what was forgotten before them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel, type DimooModel } from '../../lib/index.js'
import { Keys, jobOf } from '../../lib/queue/keys.js'
import { give } from '../../lib/queue/orders.js'
import type { ImageStep } from '../../lib/run/steps.js'
import type { KeptRun } from '../../lib/runner/runner.js'
import { eventNumber } from '../../lib/run/event-numbers.js'
import { createQueue, createWorker, type Queue } from '../../lib/queue/index.js'
import { createServer } from '../../lib/server/app.js'
import { RedisServer } from './redis.js'
import { quiet } from '../fleet.js'

const region = { left: 0, top: 0, width: 32, height: 16 }
const request = { prompt: 'a large yellow star on a black background', seed: 7, steps: 64 }

let redis: RedisServer
let folder: string
let model: DimooModel
const opened: { close(): Promise<void> }[] = []
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-store-'))
  model = await loadModel(undefined, { threads: 1 })
  redis = await RedisServer.start()
})
afterAll(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
  await redis.end()
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

const opening = async <T extends { close(): Promise<void> }>(making: Promise<T>): Promise<T> => {
  const made = await making
  opened.push(made)
  return made
}
const queueOf = (): Promise<Queue> => opening(createQueue({ connection: redis.url, store: folder, logger: quiet }))
const worker = (): ReturnType<typeof createWorker> =>
  opening(createWorker({ connection: redis.url, store: folder, runner: model, snapshotEvery: 50, logger: quiet }))

test('remaskings are all kept, so many and so many bytes of them; what is in a snapshot makes room', async () => {
  const client = redis.client()
  const many = new Keys('default').run(jobOf('many', undefined))
  for (let i = 0; i < 1024; i++) await give(client, many, `r${i}`, 'remask', { image: 0 })
  await give(client, many, 'r7', 'remask', { image: 0 }) // known by its name
  await expect(give(client, many, 'more', 'remask', { image: 0 })).rejects.toThrow(
    'remask: expected at most 1024, in 33554432 bytes for one run in a queue, got one more',
  )
  for (let i = 0; i < 1024; i++) await give(client, many, `p${i}`, i % 2 ? 'pause' : 'continue')
  await expect(give(client, many, 'late', 'pause')).rejects.toThrow('pause: expected at most 2048 for one run in a queue, got one more')
  const last = (await client.xrevrange(many.orders, '+', '-', 'COUNT', 1))[0]![0]
  await client.hset(many.snapshot, 'applied', last)
  await give(client, many, 'late', 'pause')
  expect(await client.xlen(many.orders)).toBe(1025)

  const large = new Keys('default').run(jobOf('large', undefined))
  for (let i = 0; i < 4; i++) await give(client, large, `r${i}`, 'remask', { region: new Uint8Array(8_000_000) })
  await expect(give(client, large, 'r4', 'remask', { region: new Uint8Array(8_000_000) })).rejects.toThrow(/expected at most/)
  await give(client, large, 'r5', 'remask', { image: 0 })
  client.disconnect()
})

test('a run with too many of them says so to its caller', { timeout: 120_000 }, async () => {
  const queue = await queueOf()
  await (await worker()).close() // what it was is known from here on
  opened.pop()
  const run = queue.generate(request, { id: 'full' })
  const client = redis.client()
  const keys = new Keys('default').run(jobOf('full', undefined))
  while ((await client.exists(keys.job)) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  for (let i = 0; i < 1024; i++) await give(client, keys, `r${i}`, 'continue')
  await client.hset(keys.seen, 'remasks', 1024)
  await expect(run.remask(region)).rejects.toMatchObject({ code: 'request/invalid' })
  client.disconnect()
  run.abort()
  await expect(run.result()).rejects.toThrow()
})

test('an order that was followed before the end is said again at another server, and a new one is 409', { timeout: 120_000 }, async () => {
  await worker()
  const queue = await queueOf()
  const run = queue.generate(request, { id: 'named', delivery: 'all' })
  for await (const { step } of run) if (step === 10) await (run as KeptRun).remask(region, { order: 'mine' })
  expect((await run.result()).remasked).toHaveLength(1)
  const app = createServer(await queueOf(), { drainMs: 0 })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const ask = async (order: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': order }
    const body = JSON.stringify({ region: [region] })
    return (await fetch(`${url}/v1/runs/named/remask`, { method: 'POST', headers, body })).status
  }
  while (((await (await fetch(`${url}/v1/runs/named`)).json()) as { state: string }).state !== 'done')
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect([await ask('mine'), await ask('mine'), await ask('other')]).toEqual([200, 200, 409])
  await app.close()
})

test('where the oldest event that is left is an answer, what was forgotten before it is counted', { timeout: 120_000 }, async () => {
  await worker()
  const run = (await queueOf()).generate(request, { id: 'trimmed', delivery: 'all' })
  for await (const { step } of run) if (step === 10) await run.remask(region)
  await run.result()
  const client = redis.client()
  const { events } = new Keys('default').run(jobOf('trimmed', undefined))
  const all = await client.xrange(events, '-', '+')
  const answer = all.find(([, fields]) => fields[1] === 'answer')![0]
  await client.xtrim(events, 'MINID', answer)
  client.disconnect()
  const again = (await (await queueOf()).attach('trimmed'))!
  const { value } = (await again[Symbol.asyncIterator]().next()) as { value: ImageStep }
  const number = Number(answer.split('-')[0])
  expect(eventNumber(value)).toEqual({ number: number + 1, forgotten: number - 1 })
  await again.result()
})
