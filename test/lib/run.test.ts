// Runs as a caller sees them, over a fake addon: iteration, result, every way out, delivery, lifetimes, events.
import diagnostics from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { asked, behaviour, fake, nativeError, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { DimooError, loadModel } = await import('../../lib/index.js')
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

describe('steps and result', () => {
  test('every step is seen under delivery all, and the result follows', async () => {
    const run = model.generate(request, { delivery: 'all' })
    const steps = await collect(run)
    expect(steps.map((step) => step.step)).toEqual([0, 1, 2, 3])
    expect(steps.map((step) => step.masked)).toEqual([6, 4, 2, 0])
    expect(steps[1]).toMatchObject({ kind: 'image', image: 0, steps: 4, skipped: 0, grid: { width: 4, height: 2 } })
    expect([...steps[1]!.tokens]).toEqual([0, 1, 2, 3, -1, -1, -1, -1])
    const result = await run.result()
    expect(result.seed).toBe('5')
    expect(result.image).toMatchObject({ width: 32, height: 16, channels: 3 })
    expect(result.usage).toMatchObject({
      steps: 4,
      outputTokens: 8,
      inputTokens: asked.runs[0]!.prefixes[0]!.length - 2,
    })
    expect(run.state).toBe('done')
  })

  test('the result alone is enough, whatever the delivery', async () => {
    for (const delivery of ['latest', 'all', 'none'] as const) {
      expect((await model.generate({ ...request, steps: 20 }, { delivery }).result()).images).toHaveLength(1)
    }
  })

  test('asked for first, the result leaves every step to the loop that follows', async () => {
    const run = model.generate({ ...request, steps: 12 }, { delivery: 'all' })
    const result = run.result()
    const steps: number[] = []
    for await (const { step } of run) {
      steps.push(step)
      await sleep(3)
    }
    expect(steps).toEqual([...Array(12).keys()])
    expect((await result).usage.steps).toBe(12)
  })

  test('n pictures: seeds count up modulo 2^64, the first stands on the result', async () => {
    const result = await model.generate({ ...request, n: 3, seed: 2n ** 64n - 2n }).result()
    expect(result.images.map((image) => image.seed)).toEqual(['18446744073709551614', '18446744073709551615', '0'])
    expect(result.image).toBe(result.images[0]!.image)
    expect(result.images[2]!.parameters).toMatchObject({ seed: '0', prompt: 'a red circle', steps: 4, guidance: 2 })
  })

  test('a slow reader gets merged steps by default', async () => {
    const seen: [number, number][] = []
    for await (const step of model.generate({ ...request, steps: 12 })) {
      seen.push([step.step, step.skipped])
      await sleep(10)
    }
    expect(seen.at(-1)![0]).toBe(11)
    expect(seen.length).toBeLessThan(10)
    expect(seen.length + seen.reduce((sum, [, skipped]) => sum + skipped, 0)).toBe(12)
  })

  test('delivery all pauses the run while the reader is away', async () => {
    const run = model.generate({ ...request, steps: 50 }, { delivery: 'all', buffer: 3 })
    const steps = run[Symbol.asyncIterator]()
    await steps.next()
    await sleep(40)
    expect(asked.stepsMade).toBeLessThanOrEqual(5)
    await steps.return?.()
  })

  test('overlapping next() calls are answered in order, and after the end', async () => {
    const steps = model.generate(request, { delivery: 'all' })[Symbol.asyncIterator]()
    const answers = await Promise.all(Array.from({ length: 6 }, () => steps.next()))
    expect(answers.map((answer) => answer.value?.step)).toEqual([0, 1, 2, 3, undefined, undefined])
    expect(answers.map((answer) => answer.done)).toEqual([false, false, false, false, true, true])
  })

  test('iterating twice is refused', async () => {
    const run = model.generate(request)
    await collect(run)
    expect(() => run[Symbol.asyncIterator]()).toThrow(/iterated once/)
  })

  test('as a web stream, cancelled and whole', async () => {
    expect(await collect(model.generate(request, { delivery: 'all' }).toWebStream())).toHaveLength(4)
    const run = model.generate({ ...request, steps: 500 })
    const reader = run.toWebStream().getReader()
    await reader.read()
    await reader.cancel(new Error('enough'))
    await expect(run.result()).rejects.toThrow('enough')
  })
})

describe('every way out', () => {
  test.each(['break', 'throw', 'return'])('%s aborts the run', async (way) => {
    const run = model.generate({ ...request, steps: 500 })
    const loop = async (): Promise<void> => {
      for await (const step of run) {
        if (step.step < 1) continue
        if (way === 'break') break
        if (way === 'throw') throw new Error('thrown')
        return
      }
    }
    if (way === 'throw') await expect(loop()).rejects.toThrow('thrown')
    else await loop()
    await expect(run.result()).rejects.toMatchObject({ name: 'AbortError' })
    expect([asked.cancelled, run.state]).toEqual([1, 'aborted'])
  })

  test('leaving does not abort once the result was asked for, even under delivery all', async () => {
    const run = model.generate({ ...request, steps: 30 }, { delivery: 'all' })
    const result = run.result()
    for await (const step of run) if (step.step >= 0) break
    expect((await result).usage.steps).toBe(30)
    expect(asked.cancelled).toBe(0)
  })

  test('a signal ends both the loop and the result with its reason', async () => {
    const controller = new AbortController()
    const run = model.generate({ ...request, steps: 500 }, { signal: controller.signal })
    const result = run.result()
    result.catch(() => undefined)
    const reason = new Error('client gone')
    const loop = (async () => {
      for await (const step of run) if (step.step >= 2) controller.abort(reason)
    })()
    await expect(loop).rejects.toBe(reason)
    await expect(result).rejects.toBe(reason)
  })

  test('abort at every step', async () => {
    for (let at = 0; at < 4; at++) {
      const run = model.generate({ ...request, steps: 6 }, { delivery: 'all' })
      const steps = run[Symbol.asyncIterator]()
      for (let i = 0; i < at; i++) await steps.next()
      run.abort()
      await expect(steps.next()).rejects.toMatchObject({ name: 'AbortError' })
      expect(await steps.next()).toEqual({ done: true, value: undefined })
    }
  })

  test('a signal that was aborted before starts nothing', async () => {
    const run = model.generate(request, { signal: AbortSignal.abort('early') })
    expect(run.state).toBe('aborted')
    await expect(run.result()).rejects.toBe('early')
    await expect(collect(run)).rejects.toBe('early')
    expect(asked.runs).toHaveLength(0)
  })

  test('an abort while a long prompt is being tokenised is immediate, and nothing goes on', async () => {
    const run = model.generate({ ...request, prompt: 'x '.repeat(20_000) })
    expect(run.state).toBe('queued')
    run.abort('changed my mind')
    expect(run.state).toBe('aborted')
    await expect(run.result()).rejects.toBe('changed my mind')
    await model.tokenize('x '.repeat(5000)) // the worker answers in order: the first prompt is done
    expect(asked.runs).toHaveLength(0)
  })

  test('abort after the end changes nothing', async () => {
    const run = model.generate(request)
    await run.result()
    run.abort()
    expect((await run.result()).seed).toBe('5')
  })

  test('leaving an await using block ends the run', async () => {
    const run = model.generate({ ...request, steps: 500 })
    await run[Symbol.asyncDispose]()
    expect(run.state).toBe('aborted')
  })

  test('a failure rejects with our error and the stack of whoever waits', async () => {
    behaviour.runError = nativeError('device/out-of-memory', 'run: needs 2 bytes, got 1', {
      requiredBytes: 2,
      availableBytes: 1,
    })
    const run = model.generate(request)
    const whoWaits = async (): Promise<unknown> => {
      try {
        return await run.result()
      } catch (error) {
        return error
      }
    }
    const error = await whoWaits()
    expect(error).toMatchObject({
      name: 'DimooError',
      code: 'device/out-of-memory',
      requiredBytes: 2,
      availableBytes: 1,
    })
    expect((error as Error).stack).toContain('whoWaits')
    await expect(collect(run)).rejects.toMatchObject({ code: 'device/out-of-memory' })
    expect(run.state).toBe('failed')
  })

  test('a run that cannot start rejects', async () => {
    behaviour.startError = nativeError('queue/full', 'queue: 3 runs wait', { retryAfterMs: 1200 })
    const error: unknown = await model
      .generate(request)
      .result()
      .catch((thrown: unknown) => thrown)
    expect(DimooError.is(error, 'queue/full')).toBe(true)
    expect(error).toMatchObject({ retryable: true, retryAfterMs: 1200 })
  })
})

describe('lifetimes', () => {
  test('close aborts what runs, once, and everything after it is refused', async () => {
    const run = model.generate({ ...request, steps: 4000 })
    const result = run.result()
    result.catch(() => undefined)
    const [step] = await (async () => {
      for await (const one of run) return [one]
      return []
    })()
    await Promise.all([model.close(), model.close()])
    await expect(result).rejects.toMatchObject({ code: 'disposed' })
    expect(model.disposed).toBe(true)
    for (const use of [
      () => model.generate(request),
      () => model.stats(),
      () => model.tokenize('x'),
      () => model.detokenize(Int32Array.of(1)),
      () => model.decodeVq(new Int32Array(1), { width: 1, height: 1 }),
      () => step!.decode(),
      () => model.encodeVq({ data: new Uint8Array(192), width: 8, height: 8, channels: 3 }),
    ]) {
      await expect((async () => use())()).rejects.toMatchObject({ code: 'disposed' })
    }
  })

  test('a long prompt is tokenised in the worker and then runs', async () => {
    const result = await model.generate({ ...request, prompt: 'x '.repeat(5000) }).result()
    expect(result.usage.inputTokens).toBe(10_017)
  })

  test('close waits for running ones up to its timeout', async () => {
    const run = model.generate({ ...request, steps: 10 })
    await model.close({ timeoutMs: 10_000 })
    expect((await run.result()).usage.steps).toBe(10)
  })

  test('a dropped run is collected and stops; an awaited one is not', async () => {
    behaviour.stepMs = 20
    ;(() => void model.generate({ ...request, steps: 1000 }, { signal: new AbortController().signal }))()
    const kept = model.generate({ ...request, steps: 10 }).result()
    for (let i = 0; i < 60 && asked.cancelled === 0; i++) {
      globalThis.gc!()
      await sleep(10)
    }
    expect(asked.cancelled).toBe(1)
    expect((await kept).usage.steps).toBe(10)
  })

  test('a signal is left without listeners, whatever the end', async () => {
    const { signal } = new AbortController()
    const ends = (run: { result(): Promise<unknown> }): Promise<unknown> => run.result().catch(() => undefined)
    await ends(model.generate(request, { signal }))
    await collect(model.generate(request, { signal }))
    for await (const step of model.generate({ ...request, steps: 500 }, { signal })) if (step.step >= 0) break
    await ends(model.generate({ ...request, steps: 500 }, { signal, deadlineMs: 5 }))
    await ends(model.edit({ prompt: 'x', image: 'no-such.png' }, { signal }))
    behaviour.startError = nativeError('queue/full', 'queue: 3 runs wait')
    await ends(model.generate(request, { signal }))
    await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toEqual([]), 10_000) // once the run that was left has ended
  })

  test('events tell a run from its start to its end, without its prompt', async () => {
    const events: [string, object][] = []
    const names = ['dimoo:run:queued', 'dimoo:run:start', 'dimoo:step', 'dimoo:run:end']
    const listen = (message: unknown, name: string | symbol): void => void events.push([String(name), message as object])
    for (const name of names) diagnostics.subscribe(name, listen)
    const run = model.generate(request, { delivery: 'all', tag: 'tenant' })
    await collect(run)
    await run.result()
    for (const name of names) diagnostics.unsubscribe(name, listen)
    expect(events.map(([name]) => name)).toEqual([names[0], names[1], ...Array<string>(4).fill(names[2]!), names[3]])
    expect(events[0]![1]).toEqual({ id: run.id, task: 'generate', tag: 'tenant' })
    expect(events.at(-1)![1]).toMatchObject({ outcome: 'done', queuedMs: 1 })
    expect(JSON.stringify(events)).not.toContain('circle')
  })
})

describe('a step as a picture', () => {
  test('held, grey and blurred cells', async () => {
    const steps = await collect(model.generate(request, { delivery: 'all' }))
    const held = await steps[0]!.decode()
    expect(held).toMatchObject({ width: 32, height: 16, channels: 3 })
    expect(new Set(held.data)).toEqual(new Set([100]))
    const grey = await steps[0]!.decode({ masked: 'grey' })
    // Cells 0 and 1 of 2 x 4 are fixed: the first 16 pixels of the first 8 rows.
    const value = (x: number, y: number): number => grey.data[(y * 32 + x) * 3]!
    expect([value(0, 0), value(15, 7), value(16, 0), value(0, 8), value(31, 15)]).toEqual([100, 100, 127, 127, 127])
    const blurred = await steps[0]!.decode({ masked: 'blurred' })
    expect([blurred.data[0], blurred.data[16 * 3]]).toEqual([100, 102])
    expect(asked.resized).toEqual([
      [32, 16, 4, 2, 'box'],
      [4, 2, 32, 16, 'bicubic'],
    ])
    const png = await steps[0]!.decode({ format: 'png' })
    expect([...png.subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47])
    await expect(steps[0]!.decode({ masked: 'red' as never })).rejects.toMatchObject({ code: 'request/invalid' })
  })
})
