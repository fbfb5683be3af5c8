// What comes with a step: previews, drafts, remasking; and what ends a run by the clock.
import diagnostics from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { asked, behaviour, fake, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel } = await import('../../lib/index.js')
type Model = Awaited<ReturnType<typeof loadModel>>

let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())
const request = { prompt: 'a red circle', seed: 5 }

async function collect<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const step of steps) all.push(step)
  return all
}

describe('previews', () => {
  test('none unless asked for', async () => {
    const steps = await collect(model.generate(request, { delivery: 'all' }))
    expect(steps.map((step) => step.preview)).toEqual(Array(4).fill(undefined))
    expect(asked.previewTables).toBe(0)
  })

  test('the last step has one, whether its number divides or not', async () => {
    const steps = await collect(model.generate({ ...request, steps: 5 }, { delivery: 'all', previews: { every: 3 } }))
    expect(steps.map((step) => step.preview !== undefined)).toEqual([false, false, true, false, true])
  })

  test('drafts: one patch a code, masked cells as asked, the table read once', async () => {
    const steps = await collect(model.generate(request, { delivery: 'all', previews: { every: 2, masked: 'grey' } }))
    expect(steps.map((step) => step.preview !== undefined)).toEqual([false, true, false, true])
    const draft = steps[1]!.preview as { data: Uint8Array; width: number; height: number }
    expect([draft.width, draft.height]).toEqual([16, 8])
    const at = (x: number, y: number): number => draft.data[(y * 16 + x) * 3]!
    expect([at(0, 0), at(4, 3), at(15, 3), at(0, 4), at(15, 7)]).toEqual([0, 1, 3, 127, 127])
    await collect(model.generate(request, { previews: {} }))
    expect(asked.previewTables).toBe(1)
  })

  test('full ones and files', async () => {
    const [step] = await collect(model.generate({ ...request, steps: 1 }, { previews: { quality: 'full', format: 'png' } }))
    expect([...(step!.preview as Uint8Array).subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47])
    expect(await step!.decode()).toMatchObject({ width: 32, height: 16 })
    expect(await step!.decode({ quality: 'draft' })).toMatchObject({ width: 16, height: 8 })
    await expect(step!.decode({ every: 2 } as never)).rejects.toThrow(/unknown option 'every'/)
  })

  test('steps that were merged count', async () => {
    const seen: boolean[] = []
    for await (const step of model.generate({ ...request, steps: 12 }, { previews: { every: 3 } })) {
      const crossed = Math.floor((step.step + 1) / 3) > Math.floor((step.step - step.skipped) / 3)
      expect(step.preview !== undefined).toBe(crossed)
      seen.push(crossed)
      await sleep(8)
    }
    expect(seen).toContain(true)
  })
})

describe('remasking', () => {
  test('a region, by rectangles, cells or a mask, is decoded again and listed', async () => {
    const run = model.generate(request, { delivery: 'all' })
    const masked: number[] = []
    for await (const step of run) {
      masked.push(step.masked)
      if (step.step === 0) step.remask({ left: 0, top: 0, width: 9, height: 1 })
      if (step.step === 1) step.remask(Uint32Array.of(7, 0))
      if (step.step === 2) {
        const data = new Uint8Array(32 * 16 * 4).fill(255)
        data[3] = 0
        step.remask({ data, width: 32, height: 16, channels: 4 })
      }
    }
    const result = await run.result()
    expect(result.remasked.map(({ cells }) => cells)).toEqual([2, 2, 1])
    expect(masked.at(-1)).toBe(0)
    expect([...result.tokens]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('what cannot be is refused', async () => {
    const run = model.generate(request, { delivery: 'all' })
    const steps = run[Symbol.asyncIterator]()
    const step = (await steps.next()).value!
    for (const [region, message] of [
      [{ left: 0, top: 0, width: 33, height: 1 }, /region must lie inside 32 x 16 pixels/],
      [Uint32Array.of(8), /cells from 0 to 7, got 8/],
      [new Uint32Array(0), /at least one cell, got none/],
      [{ data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const }, /mask: expected 32 x 16 pixels/],
      ['all', /region must be rectangles, .*, got 'all' \(run\.remask reads files\)/],
    ] as const) {
      expect(() => step.remask(region)).toThrow(message)
    }
    while (!(await steps.next()).done) continue
    expect(() => step.remask(Uint32Array.of(0))).toThrow(expect.objectContaining({ code: 'request/invalid' }))
    await run.result()
  })
})

describe('limits of time', () => {
  test('a deadline fails the run, its slot is freed, its mates go on', async () => {
    const late = model.generate({ ...request, steps: 500 }, { deadlineMs: 20 })
    const mate = model.generate({ ...request, steps: 30 }).result()
    const error: unknown = await late.result().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'run/deadline', message: expect.stringMatching(/within 20 ms/) as unknown })
    expect([late.state, asked.cancelled]).toEqual(['failed', 1])
    await expect(collect(late)).rejects.toMatchObject({ code: 'run/deadline' })
    expect((await mate).usage.steps).toBe(30)
  })

  test('a deadline also ends what has not started, and nobody has to wait for it', async () => {
    behaviour.queueMs = 60_000
    const run = model.generate(request, { deadlineMs: 5 })
    await vi.waitFor(() => expect([run.state, asked.cancelled]).toEqual(['failed', 1]), 10_000)
  })

  test('a run in time is left alone', async () => {
    const run = model.generate(request, { deadlineMs: 400 })
    const result = await run.result()
    await sleep(450)
    expect([run.state, asked.cancelled]).toEqual(['done', 0])
    expect(await run.result()).toBe(result)
  })

  test('a run that waits too long times out; one that runs does not', async () => {
    const impatient = await loadModel(undefined, { device: 'cpu', scheduler: { maxQueueMs: 200 } })
    const running = impatient.generate({ ...request, steps: 30 }).result()
    await sleep(5)
    behaviour.queueMs = 1000
    const waiting = impatient.generate(request)
    await expect(waiting.result()).rejects.toMatchObject({ code: 'queue/timeout', retryable: true })
    expect((await running).usage.steps).toBe(30)
    await impatient.close()
  })

  test('a dropped run with a deadline is still collected', async () => {
    behaviour.stepMs = 20
    ;(() => void model.generate({ ...request, steps: 1000 }, { deadlineMs: 60_000 }))()
    for (let i = 0; i < 60 && asked.cancelled === 0; i++) {
      globalThis.gc!()
      await sleep(10)
    }
    expect(asked.cancelled).toBe(1)
  })

  test('events carry the waiting time and the code', async () => {
    const events: object[] = []
    const listen = (message: unknown): void => void events.push(message as object)
    for (const name of ['dimoo:run:start', 'dimoo:run:end']) diagnostics.subscribe(name, listen)
    await model
      .generate({ ...request, steps: 500 }, { deadlineMs: 10 })
      .result()
      .catch(() => undefined)
    for (const name of ['dimoo:run:start', 'dimoo:run:end']) diagnostics.unsubscribe(name, listen)
    expect(events).toEqual([
      expect.objectContaining({ task: 'generate', queuedMs: expect.any(Number) as unknown }),
      expect.objectContaining({ outcome: 'failed', code: 'run/deadline' }),
    ])
  })
})
