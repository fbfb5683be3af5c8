// Who may come in: runs count from their first moment, slow preparation goes by priority and in turns between tags, who is aborted leaves at once.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Admission } from '../../lib/model/admission.js'
import { asked, behaviour, fake, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel } = await import('../../lib/index.js')

const never = new AbortController().signal

describe('turns', () => {
  /** Work that ends when it is told to, in the order of `started`. */
  function workshop(policy: 'fifo' | 'fair' = 'fair') {
    const admission = new Admission({ policy }, () => 0)
    const started: string[] = []
    const ends: (() => void)[] = []
    const ask = (name: string, tag: string, priority = 0, signal = never): Promise<void> =>
      admission.prepare({ tag, priority }, signal, () => {
        started.push(name)
        return new Promise((resolve) => ends.push(resolve))
      })
    const drain = async (): Promise<void> => {
      while (ends.length > 0) {
        ends.shift()!()
        await sleep(0)
      }
    }
    return { admission, started, ask, drain }
  }

  test('two at a time, then in turns between tags, whoever came first', async () => {
    const { started, ask, drain, admission } = workshop()
    const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((name) => ask(name, name[0]!))
    await sleep(0)
    expect(started).toEqual(['a1', 'a2'])
    expect(admission.preparing).toBe(7)
    await drain()
    await Promise.all(all)
    expect(started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
    expect(admission.preparing).toBe(0)
  })

  test('by priority first; fifo keeps the order', async () => {
    const fair = workshop()
    const some = [fair.ask('a1', 'a'), fair.ask('a2', 'a'), fair.ask('b1', 'b'), fair.ask('a3', 'a', 1)]
    await sleep(0)
    await fair.drain()
    await Promise.all(some)
    expect(fair.started).toEqual(['a1', 'a2', 'a3', 'b1'])
    const fifo = workshop('fifo')
    const others = ['a1', 'a2', 'a3', 'b1'].map((name) => fifo.ask(name, name[0]!))
    await sleep(0)
    await fifo.drain()
    await Promise.all(others)
    expect(fifo.started).toEqual(['a1', 'a2', 'a3', 'b1'])
  })

  test('who is aborted while waiting leaves at once and never begins', async () => {
    const { started, ask, drain, admission } = workshop()
    const stop = new AbortController()
    const all = [ask('a1', 'a'), ask('a2', 'a'), ask('a3', 'a', 0, stop.signal), ask('a4', 'a')]
    await sleep(0)
    stop.abort(new Error('enough'))
    await expect(all[2]).rejects.toThrow('enough')
    expect(admission.preparing).toBe(3)
    await expect(ask('a5', 'a', 0, stop.signal)).rejects.toThrow('enough')
    await drain()
    await Promise.all([all[0], all[1], all[3]])
    expect(started).toEqual(['a1', 'a2', 'a4'])
  })

  test('work that fails makes room too', async () => {
    const { admission } = workshop()
    const fail = (): Promise<void> => admission.prepare({}, never, () => Promise.reject(new Error('no')))
    await Promise.allSettled([fail(), fail(), fail()])
    expect(await admission.prepare({}, never, () => 7)).toBe(7)
  })
})

describe('a model', () => {
  beforeEach(reset)
  afterEach(() => vi.restoreAllMocks())
  const request = { prompt: 'a red circle', seed: 5 }

  test('says how many are under way, how many wait, and how long', async () => {
    behaviour.stepMs = 1000
    const model = await loadModel(undefined, { device: 'cpu', scheduler: { maxActive: 1, maxQueue: 2 } })
    const runs = [1, 2, 3].map(() => model.generate(request))
    const refused = model.generate(request).result()
    await expect(refused).rejects.toMatchObject({
      code: 'queue/full',
      retryable: true,
      details: { running: 1, queued: 2 },
      message: expect.stringMatching(
        /^run: expected at most 1 runs under way and 2 waiting, got one more \(1 is under way, 2 wait\); it may fit in about [\d.]+ m?s$/,
      ) as unknown,
    })
    for (const run of runs) run.abort()
    behaviour.stepMs = 0
    // Nobody asks the runs how they ended.
    await vi.waitFor(async () => expect((await model.generate(request).result()).seed).toBe('5'))
    await model.close()
  })

  test('runs that are prepared count, and are in the statistics', async () => {
    const model = await loadModel(undefined, { device: 'cpu', scheduler: { maxActive: 1, maxQueue: 3 } })
    const long = { prompt: 'x '.repeat(100_000), seed: 5 }
    const stop = new AbortController()
    const runs = [1, 2, 3, 4].map(() => model.generate(long, { signal: stop.signal }).result())
    await expect(model.generate(request).result()).rejects.toMatchObject({ code: 'queue/full' })
    expect((await model.stats()).queued).toBe(4)
    stop.abort(new Error('enough'))
    for (const run of runs) await expect(run).rejects.toThrow('enough')
    expect((await model.stats()).queued).toBe(0)
    expect(asked.runs).toHaveLength(0)
    expect((await model.generate(request).result()).seed).toBe('5')
    await model.close()
  })

  test('runs that nobody holds any more make room', async () => {
    behaviour.stepMs = 100
    const model = await loadModel(undefined, { device: 'cpu', scheduler: { maxActive: 1, maxQueue: 1 } })
    model.generate(request)
    model.generate(request)
    await expect(model.generate(request).result()).rejects.toMatchObject({ code: 'queue/full' })
    behaviour.stepMs = 0
    await vi.waitFor(async () => {
      ;(globalThis as { gc?: () => void }).gc!()
      await sleep(5)
      expect((await model.generate(request).result()).seed).toBe('5')
    }, 20_000)
    await model.close()
  })
})
