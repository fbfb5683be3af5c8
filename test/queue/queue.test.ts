// A queue on a Redis of the tests' own, with workers in this process: the bits of a model alone, whoever decodes and however often it changes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DimooError, loadModel, type DimooModel, type ImageResult, type TextResult } from '../../lib/index.js'
import { createQueue, createWorker, openStore, type BlobStore, type Queue, type Worker } from '../../lib/queue/index.js'
import { Keys, jobOf } from '../../lib/queue/keys.js'
import { RedisServer } from './redis.js'
import { essence, failure, quiet, waitingAtMost } from '../fleet.js'

const until = waitingAtMost(30_000)
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

let redis: RedisServer
let folder: string
let model: DimooModel
let queue: Queue
const opened: { close(): Promise<void> }[] = []
beforeAll(async () => {
  redis = await RedisServer.start()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-store-'))
  model = await loadModel(undefined, { threads: 1 })
  queue = await createQueue({ connection: redis.url, store: folder, logger: quiet })
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})
afterAll(async () => {
  await queue.close()
  await model.close()
  await redis.end()
  rmSync(folder, { recursive: true, force: true })
})

async function worker(options: Partial<Parameters<typeof createWorker>[0]> = {}): Promise<Worker> {
  const made = await createWorker({ connection: redis.url, store: folder, runner: model, snapshotEvery: 50, logger: quiet, ...options })
  opened.push(made)
  return made
}

const long = { prompt: 'a large yellow star on a black background', seed: 7, steps: 48, n: 2 }

describe('a queue', () => {
  test('gives every task the bits of a model alone', async () => {
    await worker()
    const drawn = await model.generate({ prompt: 'a red circle', seed: 3, steps: 8 }).result()
    const both = async (of: (on: DimooModel | Queue) => { result(): Promise<ImageResult | TextResult> }): Promise<void> =>
      expect(essence(await of(queue).result())).toEqual(essence(await of(model).result()))
    const mask = { left: 0, top: 0, width: 24, height: 64 }
    await both((on) => on.generate({ prompt: 'a blue square', seed: 1, steps: 8, n: 3, schedule: (progress) => 1 - progress }))
    await both((on) => on.edit({ prompt: 'Make the background black.', image: drawn, seed: 1, steps: 6 }))
    await both((on) => on.inpaint({ prompt: 'a star', image: drawn, mask, composite: { feather: 2 }, seed: 1, steps: 6 }))
    await both((on) => on.ask({ prompt: 'What color is the circle?', images: [drawn], length: 16, seed: 1 }))
    await both((on) => on.chat({ messages: [{ role: 'user', content: 'There is a red circle. What color is it?' }], length: 16, seed: 1 }))
  })

  test('keeps pictures out of Redis, and digests of them in the job', async () => {
    await worker()
    const image = await model.generate({ prompt: 'a red circle', seed: 3, steps: 4 }).result()
    await queue.edit({ prompt: 'Make the background black.', image, seed: 1, steps: 4 }, { id: 'slim' }).result()
    const client = redis.client()
    const keys = new Keys('default').run(jobOf('slim', undefined))
    const job = await client.hgetall(keys.job)
    const data = JSON.parse(job['data']!) as { request: string; inputs: string[] }
    expect(data.inputs).toHaveLength(1)
    expect(Buffer.from(data.request, 'base64').length).toBeLessThan(2000) // a result's codes and parameters
    expect(job['returnvalue']).toMatch(/^\{"blob":"[0-9a-f]{64}"\}$/)
    const store = await openStore(folder)
    expect((await store.get(data.inputs[0]!))?.length).toBe(64 * 64 * 3)
    expect(JSON.parse(job['progress']!)).toEqual({ step: 4, steps: 4 })
    // What it needed on its way is gone.
    expect(await client.exists(keys.snapshot, keys.orders, keys.cancelled)).toBe(0)
    expect(await client.pttl(keys.events)).toBeGreaterThan(0)
    client.disconnect()
  })

  test('delivers every step once, in order, with previews; draws and masks again; a worker goes in the middle', async () => {
    const first = await worker()
    const run = queue.generate({ ...long, n: 1 }, { delivery: 'all', previews: { format: 'png' } })
    const seen: number[] = []
    const tokens = new Int32Array(64).fill(-1)
    for await (const step of run) {
      seen.push(step.step)
      step.changed.forEach((cell) => (tokens[cell] = step.tokens[cell]!))
      expect(step.preview).toBeInstanceOf(Uint8Array)
      if (step.step === 5) expect(await run.decode(step)).toEqual(await step.decode())
      if (step.step === 20) {
        await worker()
        await first.close()
      }
    }
    expect(seen).toEqual(Array.from({ length: 48 }, (_, i) => i))
    const result = await run.result()
    expect(result.images[0]!.tokens).toEqual(tokens)
    expect(essence(result)).toEqual(essence(await model.generate({ ...long, n: 1 }).result()))
    const remasked = queue.generate({ ...long, n: 8, steps: 400 }, { delivery: 'all' })
    for await (const step of remasked)
      if (step.step === 3 && step.image === 0) await remasked.remask({ left: 0, top: 0, width: 32, height: 16 })
    expect((await remasked.result()).remasked).toHaveLength(1)
    expect(await failure(remasked.remask({ left: 0, top: 0, width: 8, height: 8 }))).toSatisfy((error) =>
      DimooError.is(error, 'request/invalid'),
    )
  })

  test('keeps what was masked again, and that a run is paused, from worker to worker', async () => {
    const first = await worker({ snapshotEvery: 3_600_000 })
    const run = queue.generate({ ...long, n: 4, steps: 300 }, { delivery: 'all' })
    for await (const step of run) {
      if (step.step !== 10 || step.image !== 0) continue
      await run.remask({ left: 0, top: 0, width: 32, height: 16 })
      await run.pause()
      await sleep(300)
      const second = await worker()
      await first.close()
      await until(async () => (await second.stats()).jobs > 0)
      await sleep(500)
      expect((await model.stats()).paused).toBe(1)
      const again = model.resume(await run.snapshot())
      again.abort()
      again.result().catch(() => undefined)
      await run.continue()
    }
    expect((await run.result()).remasked).toHaveLength(1)
  })

  test('a run outlives whoever asked for it, and is found by its name', async () => {
    const other = await createQueue({ connection: redis.url, store: folder, logger: quiet })
    const asked = other.generate(long, { id: 'orphan', tag: 'anna' })
    await sleep(200)
    await other.close()
    expect(await failure(asked.result())).toSatisfy((error) => DimooError.is(error, 'disposed'))
    await worker()
    expect(await queue.attach('orphan')).toBeUndefined() // another tenant's
    const found = (await queue.attach('orphan', { tag: 'anna' }))!
    const alone = essence(await model.generate(long).result())
    expect(essence((await found.result()) as ImageResult)).toEqual(alone)
    // The same again is the same run; another request under its name is refused.
    expect(essence(await queue.generate(long, { id: 'orphan', tag: 'anna' }).result())).toEqual(alone)
    const wrong = queue.generate({ ...long, steps: 7 }, { id: 'orphan', tag: 'anna' })
    expect(await failure(wrong.result())).toSatisfy((error) => DimooError.is(error, 'request/invalid'))
  })

  test('says what is wrong, at once or once it is known', async () => {
    await worker()
    expect(() => queue.generate({ prompt: 'x', stepz: 3 } as never)).toThrow(/did you mean 'steps'/)
    expect(() => queue.resume(Uint8Array.of(1))).toThrow(/few/)
    expect(await failure(queue.edit({ prompt: 'x', image: '/nothing/there.png' }).result())).toSatisfy((error) =>
      DimooError.is(error, 'image/invalid'),
    )
    // What only the worker finds out travels back with its code, and is not tried again.
    const tiny = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 as const }
    const refused = queue.inpaint({ prompt: 'x', image: tiny, mask: { left: 500, top: 0, width: 8, height: 8 } }, { id: 'refused' })
    expect(await failure(refused.result())).toSatisfy((error) => DimooError.is(error))
    expect(await failure(queue.generate(long, { deadlineMs: 60 }).result())).toSatisfy((error) => DimooError.is(error, 'run/deadline'))
    await expect(createQueue({ connection: 'http://x', store: folder })).rejects.toThrow(/redis:/)
    await expect(createQueue({ connection: redis.url, store: folder, priorities: { a: 0.5 } })).rejects.toThrow(/priorities.a/)
    await expect(createWorker({ connection: redis.url, store: folder, runner: {} as never })).rejects.toThrow(/runner/)
  })

  test('cancels within two seconds, whether it waits or goes on', async () => {
    const waiting = queue.generate(long, { id: 'waiting' })
    await until(async () => (await queue.stats()).queued === 1)
    waiting.abort('enough')
    expect(await failure(waiting.result())).toBe('enough')
    await until(async () => (await queue.stats()).queued === 0, 2000)
    const decoder = await worker()
    const run = queue.generate({ ...long, n: 8, steps: 2000 })
    await until(async () => (await decoder.stats()).scheduler!.running > 0)
    const start = performance.now()
    run.abort()
    await until(async () => (await model.stats()).running === 0, 2000)
    expect(performance.now() - start).toBeLessThan(2000)
    await until(async () => (await decoder.stats()).jobs === 0)
  })

  test('is bounded, and takes tenants by their priorities', async () => {
    const small = await createQueue({
      connection: redis.url,
      store: folder,
      name: 'small',
      maxQueue: 3,
      priorities: { gold: 10, free: -10 },
      logger: quiet,
    })
    opened.push(small)
    const hold = new Promise<void>((resolve) => setTimeout(resolve, 300))
    const first = await worker({ name: 'small', concurrency: 1 }) // tells what the model is
    await first.close()
    const ended: string[] = []
    const begun = ['free', 'plain', 'gold'].map(async (tag) => {
      await small.generate({ prompt: 'x', steps: 2, seed: 1 }, { tag }).result()
      ended.push(tag)
    })
    await until(async () => (await small.stats()).queued === 3)
    const error = await failure(small.generate({ prompt: 'x', steps: 2 }).result())
    expect(error).toSatisfy((one) => DimooError.is(one, 'queue/full'))
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThanOrEqual(1000)
    await hold
    await worker({ name: 'small', concurrency: 1 })
    await Promise.all(begun)
    expect(ended).toEqual(['gold', 'plain', 'free'])
  })

  test('jobs share passes as far as rows go', async () => {
    const steps = 60 // long beside the time in which a worker takes them
    const begun = Array.from({ length: 12 }, (_, i) => queue.generate({ prompt: 'a red circle', seed: i, steps }))
    await until(async () => (await queue.stats()).queued === 12)
    const { forwardPasses } = await model.stats()
    const decoder = await worker()
    await until(async () => (await decoder.stats()).jobs > 3)
    await Promise.all(begun.map((run) => run.result()))
    expect((await model.stats()).forwardPasses - forwardPasses).toBeLessThan((12 * steps) / 2)
  })

  test('a worker whose disk is full leaves its jobs to others and takes none until it is not', async () => {
    const store = await openStore(folder)
    let full = true
    const failing: BlobStore = {
      put: async (key, bytes) => {
        if (full) throw new DimooError('output/failed', 'store: the disk is full')
        await store.put(key, bytes)
      },
      get: (key) => store.get(key),
      delete: (key) => store.delete(key),
    }
    const ill = await worker({ store: failing })
    const run = queue.generate({ ...long, steps: 8 })
    await until(async () => (await ill.obstacle()) === 'store: the disk is full')
    await worker()
    expect(essence(await run.result())).toEqual(essence(await model.generate({ ...long, steps: 8 }).result()))
    full = false
    await until(async () => (await ill.obstacle()) === undefined)
  })

  test('other models are left to those who have them', async () => {
    const exact = await loadModel(undefined, { threads: 1, precision: 'f32' })
    opened.push(exact)
    const fast = await worker()
    const run = queue.generate({ ...long, steps: 64 }, { delivery: 'all' })
    for await (const step of run) {
      if (step.step !== 10 || step.image !== 0) continue
      await worker({ runner: exact }) // could go on only with other bits
      await sleep(100)
      await fast.close()
      await sleep(300)
      await worker()
    }
    expect(essence(await run.result())).toEqual(essence(await model.generate({ ...long, steps: 64 }).result()))
  }, 60_000)
})
