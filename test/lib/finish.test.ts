// What becomes of a run that has ended: original pixels come back where nothing was drawn, the best of several come first, and jobs leave
// no listener behind.
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { asked, behaviour, fake, nativeError, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel, synth } = await import('../../lib/index.js')
type Model = Awaited<ReturnType<typeof loadModel>>

let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())

test('a given cell that was masked again mid-run keeps the pixels that were drawn', async () => {
  const image = { data: new Uint8Array(32 * 16 * 3).fill(40), width: 32, height: 16, channels: 3 as const }
  const mask = { left: 0, top: 0, width: 8, height: 8 }
  const run = model.inpaint({ image, prompt: 'x', mask, composite: {} }, { delivery: 'all' })
  for await (const step of run) if (step.step === 0) step.remask(Uint32Array.of(5))
  const { image: composed, tokens } = await run.result()
  expect([...tokens]).toEqual([0, 40, 40, 40, 40, 41, 40, 40])
  expect([...asked.composed[0]!.cells]).toEqual([1, 0, 0, 0, 0, 1, 0, 0])
  const value = (cell: number): number => composed.data[(Math.floor(cell / 4) * 8 * 32 + (cell % 4) * 8) * 3]!
  expect(Array.from({ length: 8 }, (_, cell) => value(cell))).toEqual([200, 40, 40, 40, 40, 200, 40, 40])
})

test('among equal scores the earlier seed comes first', async () => {
  behaviour.probe = ({ probe }) => Array.from(probe!, () => 0.5)
  const { images } = await model.generate({ prompt: 'x', seed: 10, n: 3, bestOf: 5 }).result()
  expect(new Set(images.map(({ score }) => score)).size).toBe(1)
  expect(images.map(({ seed }) => seed)).toEqual(['10', '11', '12'])
})

test('a job leaves its signal without listeners, done or failed', async () => {
  const { signal } = new AbortController()
  behaviour.jobs['synth'] = () => ({ tensors: 1, bytes: 1 })
  await synth('tiny', 'out.gguf', { signal })
  behaviour.jobs['synth'] = () => {
    throw nativeError('output/failed', 'no room')
  }
  await expect(synth('tiny', 'out.gguf', { signal })).rejects.toMatchObject({ code: 'output/failed' })
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
