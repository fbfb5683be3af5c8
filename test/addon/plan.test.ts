// What a run would need is known before it is computed: `model.plan`, and pictures that are not encoded for a run that cannot fit.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel, type DimooModel, type RawImage } from '../../lib/index.js'

let model: DimooModel
beforeAll(async () => {
  model = await loadModel(undefined, { device: 'cpu' })
})
afterAll(() => model.close())

const photo: RawImage = { data: new Uint8Array(64 * 64 * 3).fill(200), width: 64, height: 64, channels: 3 }

test('a plan is of the very request', async () => {
  const plain = await model.plan('generate', { prompt: 'a red circle' })
  expect(plain).toMatchObject({ fits: true, weightsBytes: expect.any(Number) as number })
  expect((await model.plan('generate', { prompt: 'a red circle', n: 8 })).totalBytes).toBeGreaterThan(plain.totalBytes)
  const cached = await model.plan('generate', { prompt: 'a red circle', cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } })
  expect(cached.kvBytes).toBeGreaterThan(plain.kvBytes)
  const edit = await model.plan('edit', { prompt: 'Make it blue.', image: photo })
  expect(edit.totalBytes).toBeGreaterThan(plain.totalBytes) // three branches, and the picture in them
  expect((await model.plan('ask', { prompt: 'What is it?', images: [photo] })).fits).toBe(true)
  expect(await model.stats()).toMatchObject({ running: 0, forwardPasses: 0 })
})

test('a stream is planned and decoded though it can be read but once', async () => {
  const { images } = await model.generate({ prompt: 'a red circle', seed: 3n, steps: 4 }).result()
  const bytes = await images[0]!.encode('png')
  const stream = (): ReadableStream<Uint8Array> => new Blob([bytes]).stream() as ReadableStream<Uint8Array>
  const request = { prompt: 'Make it blue.', seed: 3n, steps: 4 }
  const [once, again] = await Promise.all([
    model.edit({ ...request, image: stream() }).result(),
    model.edit({ ...request, image: bytes }).result(),
  ])
  expect(once.image.data).toEqual(again.image.data)
})

test('an edit that cannot fit is refused with both numbers', async () => {
  const edit = { prompt: 'Make it blue.', image: photo, n: 16, cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } } as const
  const { totalBytes } = await model.plan('edit', edit)
  const small = await loadModel(undefined, { device: 'cpu', memory: { maxHostBytes: Math.floor(totalBytes * 0.4) } })
  try {
    expect((await small.plan('edit', edit)).fits).toBe(false)
    const message = expect.stringMatching(
      /^a picture of 8 x 8 cells \(16 of them\) needs .* MiB, cpu has .* MiB of the limit that memory/,
    ) as string
    await expect(small.edit(edit).result()).rejects.toMatchObject({ code: 'device/out-of-memory', message })
    await small.edit({ ...edit, n: 1, cache: false, steps: 2 }).result()
  } finally {
    await small.close()
  }
})
