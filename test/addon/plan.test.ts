// What a run would need is known before it is computed: `model.plan`, and pictures that are not encoded for a run that cannot fit.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel, planMemory, type DimooModel, type RawImage, type TaskName, type TaskRequest } from '../../lib/index.js'

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

const REQUESTS: readonly TaskRequest[] = [
  { task: 'generate', request: { prompt: 'a red circle', n: 5, cache: true } },
  { task: 'generate', request: { prompt: 'a red circle', guidance: 0, width: 128, height: 32 } },
  { task: 'edit', request: { prompt: 'Make it blue.', image: photo, n: 2 } },
  { task: 'inpaint', request: { prompt: 'a blue square', image: photo, mask: { left: 8, top: 8, width: 32, height: 32 } } },
  { task: 'ask', request: { prompt: 'What is it?', images: [photo, photo], length: 32, block: 8, reuse: 'prefix' } },
  { task: 'chat', request: { messages: [{ role: 'user', content: 'Hello' }], length: 256, block: 32 } },
]

test.each([
  ['as it comes', {}],
  ['with little memory', { memory: { maxHostBytes: 2 ** 21, panelBytes: 0 } }],
  ['in small passes', { memory: { maxHostBytes: 2 ** 30 }, scheduler: { maxRowsPerPass: 100 }, precision: 'f32' }],
] as const)('a checkpoint that is not loaded has the plans of one that is, %s', async (_, given) => {
  const options = { device: 'cpu', memory: { maxHostBytes: 2 ** 30 }, ...given } as const
  const loaded = await loadModel(undefined, options)
  try {
    for (const one of REQUESTS)
      expect(await planMemory(undefined, [one], options)).toEqual(await loaded.plan<TaskName>(one.task, one.request))
  } finally {
    await loaded.close()
  }
})

test('several at once need at least what each needs, and keep what each keeps', async () => {
  const options = { device: 'cpu', memory: { maxHostBytes: 2 ** 30, panelBytes: 0 } } as const
  const plans = await Promise.all(REQUESTS.map((one) => planMemory(undefined, [one], options)))
  const all = await planMemory(undefined, REQUESTS, options)
  for (const name of ['kvBytes', 'logitsBytes', 'activationsBytes', 'vqBytes'] as const) {
    expect(all[name]).toBeGreaterThanOrEqual(Math.max(...plans.map((plan) => plan[name])))
  }
  const cached = REQUESTS[0]!
  const [one, two] = await Promise.all([[cached], [cached, cached]].map((runs) => planMemory(undefined, runs, options)))
  expect(two!.kvBytes).toBeGreaterThan(one!.kvBytes)
  expect(two!.totalBytes).toBeLessThan(2 * one!.totalBytes)
})

test('a run of more positions than the checkpoint states is planned with a word about it', async () => {
  const { hyper } = await model.info()
  const request = { messages: [{ role: 'user', content: 'Hello' }], length: 2 * hyper.contextLength, block: 32 } as const
  const { warnings } = await model.plan('chat', request)
  expect(warnings).toEqual([expect.stringContaining(`more than the ${hyper.contextLength} that the checkpoint was made for`)])
  expect((await planMemory(undefined, [{ task: 'chat', request }])).warnings).toEqual(warnings)
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
