// Every way a run and a model can end, on the embedded miniature: nothing hangs, nothing leaks, mates do not change.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DimooError, loadModel } from '../../lib/index.js'
import type { DimooModel } from '../../lib/index.js'

const exec = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const request = { prompt: 'a red circle', steps: 8, seed: 3 }

let model: DimooModel
beforeAll(async () => {
  model = await loadModel()
})
afterAll(() => model.close())

const tokensOf = async (seed: number | bigint | string, options: object = {}, on = model): Promise<number[]> => [
  ...(await on.generate({ ...request, seed, temperature: 1, ...options }, { delivery: 'none' }).result()).tokens,
]

describe('seeds', () => {
  test('same seed, same tokens; another seed, others; 0 is a seed', async () => {
    expect(await tokensOf(5)).toEqual(await tokensOf(5))
    expect(await tokensOf(0)).toEqual(await tokensOf(0n))
    expect(await tokensOf(5)).not.toEqual(await tokensOf(6))
    expect(await tokensOf(2n ** 64n - 1n)).toEqual(await tokensOf(2n ** 64n - 1n))
  })

  test('1, 2 and 8 threads give the same tokens, in both precisions', async () => {
    for (const precision of ['fast', 'f32'] as const) {
      const all: number[][] = []
      for (const threads of [1, 2, 8]) {
        await using other = await loadModel(undefined, { threads, precision })
        all.push(await tokensOf(9, {}, other))
      }
      expect(all[1]).toEqual(all[0])
      expect(all[2]).toEqual(all[0])
    }
  })

  test('image i of n equals the image of seed + i alone', async () => {
    const { images } = await model.generate({ ...request, seed: 2n ** 64n - 2n, temperature: 1, n: 3 }).result()
    expect(images.map((image) => image.seed)).toEqual(['18446744073709551614', '18446744073709551615', '0'])
    for (const image of images) expect([...image.tokens]).toEqual(await tokensOf(image.seed))
  })
})

test('runs share passes and do not change each other', async () => {
  const alone = []
  for (const seed of [1, 2, 3, 4]) alone.push(await tokensOf(seed))
  const before = (await model.stats()).forwardPasses
  const together = await Promise.all([1, 2, 3, 4].map((seed) => tokensOf(seed)))
  expect(together).toEqual(alone)
  const passes = (await model.stats()).forwardPasses - before
  expect(passes).toBeGreaterThanOrEqual(8)
  expect(passes).toBeLessThan(4 * 8)
})

describe('aborts', () => {
  test('at every step, with the reason given, and mates go on unchanged', async () => {
    const expected = await tokensOf(11)
    // At the last step there is nothing left to decode: a busy machine may have the picture ready before its reader gets there.
    for (let at = 0; at < request.steps - 1; at++) {
      const reason = new Error(`enough at ${at}`)
      const mate = tokensOf(11)
      const run = model.generate(request, { delivery: 'all' })
      const read = async (): Promise<void> => {
        for await (const step of run) if (step.step === at) run.abort(reason)
      }
      await expect(read()).rejects.toBe(reason)
      await expect(run.result()).rejects.toBe(reason)
      expect(run.state).toBe('aborted')
      expect(await mate).toEqual(expected)
    }
  })

  test('by a signal, before and during; by leaving the loop; by await using', async () => {
    const gone = AbortSignal.abort(new Error('never mind'))
    await expect(model.generate(request, { signal: gone }).result()).rejects.toThrow('never mind')
    const controller = new AbortController()
    const run = model.generate({ ...request, steps: 64 }, { signal: controller.signal })
    setTimeout(() => {
      controller.abort()
    }, 20)
    await expect(run.result()).rejects.toMatchObject({ name: 'AbortError' })

    const left = model.generate({ ...request, steps: 64 })
    for await (const step of left) {
      expect(step.masked).toBeGreaterThan(0)
      break
    }
    expect(left.state).toBe('aborted')
    let disposed
    {
      await using used = model.generate({ ...request, steps: 64 })
      disposed = used
    }
    expect(disposed.state).toBe('aborted')
  })

  test('frees the slot within a unit of work', async () => {
    const run = model.generate({ ...request, steps: 4096 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    const before = (await model.stats()).forwardPasses
    run.abort()
    await run.result().catch(() => undefined)
    // In passes, not by the clock: the one under way, and one that began before the abort was seen.
    expect((await model.stats()).forwardPasses - before).toBeLessThanOrEqual(2)
    await tokensOf(1)
    expect((await model.stats()).running).toBe(0)
  })
})

describe('close', () => {
  test('twice, and use afterwards', async () => {
    const other = await loadModel()
    const run = other.generate({ ...request, steps: 4096 })
    const end = run.result().catch((error: unknown) => error)
    await Promise.all([other.close(), other.close()])
    await other.close()
    expect(DimooError.is(await end, 'disposed')).toBe(true)
    expect(() => other.generate(request)).toThrow(expect.objectContaining({ code: 'disposed' }) as Error)
    await expect(other.stats()).rejects.toMatchObject({ code: 'disposed' })
    await expect(other.tokenize('x')).rejects.toMatchObject({ code: 'disposed' })
    await expect(other.decodeVq(new Int32Array(4), { width: 2, height: 2 })).rejects.toMatchObject({ code: 'disposed' })
    expect(await tokensOf(1)).toEqual(await tokensOf(1)) // the other model lives on
  })
})

describe('limits', () => {
  test('what does not fit is refused before any work, with both numbers', async () => {
    const other = await loadModel(undefined, { memory: { maxHostBytes: 2_000_000 } })
    const error = await other
      .generate(request)
      .result()
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'device/out-of-memory', availableBytes: 2_000_000 })
    expect((error as { requiredBytes: number }).requiredBytes).toBeGreaterThan(2_000_000)
    expect((await other.stats()).forwardPasses).toBe(0)
    await other.close()
  })

  test('a full queue refuses the next run and lives on', async () => {
    const other = await loadModel(undefined, { scheduler: { maxActive: 1, maxQueue: 1 } })
    const first = other.generate({ ...request, steps: 2000 })
    const second = other.generate(request)
    await expect(other.generate(request).result()).rejects.toMatchObject({ code: 'queue/full', retryable: true })
    expect(second.state).toBe('queued')
    first.abort()
    await first.result().catch(() => undefined)
    expect((await second.result()).tokens).toHaveLength(64)
    await other.close()
  })
})

test('a dropped run is collected and stops', async () => {
  const before = (await model.stats()).aborted
  const drop = (): void => {
    model.generate({ ...request, steps: 4096 }, { delivery: 'latest' })
  }
  drop()
  for (let i = 0; i < 100 && (await model.stats()).aborted === before; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc!()
  }
  expect((await model.stats()).aborted).toBe(before + 1)
})

test('slow readers: latest merges, all delivers every step, none delivers nothing', async () => {
  const slow = async (delivery: 'latest' | 'all' | 'none'): Promise<{ steps: number; skipped: number; fixed: number }> => {
    const seen = { steps: 0, skipped: 0, fixed: 0 }
    for await (const step of model.generate({ ...request, steps: 16 }, { delivery })) {
      seen.steps++
      seen.skipped += step.skipped
      seen.fixed += step.changed.length
      if (seen.steps < 3) await new Promise((resolve) => setTimeout(resolve, 150))
    }
    return seen
  }
  expect(await slow('all')).toEqual({ steps: 16, skipped: 0, fixed: 64 })
  const latest = await slow('latest')
  expect(latest.steps + latest.skipped).toBe(16)
  expect(latest.skipped).toBeGreaterThan(0)
  expect(latest.fixed).toBe(64)
  expect(await slow('none')).toEqual({ steps: 0, skipped: 0, fixed: 0 })
})

test('step.decode: masked cells held, blurred, grey', async () => {
  for await (const step of model.generate({ ...request, steps: 6 }, { delivery: 'all' })) {
    const held = await step.decode()
    expect(held).toMatchObject({ width: 64, height: 64, channels: 3 })
    if (step.masked > 0) {
      const grey = (await step.decode({ masked: 'grey' })) as { data: Uint8Array }
      expect(Buffer.compare(grey.data, (held as { data: Uint8Array }).data)).not.toBe(0)
    }
    const png = await step.decode({ format: 'png', masked: 'blurred' })
    expect(Buffer.from(png).subarray(1, 4).toString()).toBe('PNG')
  }
})

test('a picture survives the image tokenizer', async () => {
  const { image, tokens } = await model.generate(request).result()
  const encoded = await model.encodeVq(image)
  expect(encoded.grid).toEqual({ width: 8, height: 8 })
  const same = encoded.tokens.filter((code, i) => code === tokens[i]).length
  expect(same).toBeGreaterThan(32)
  const again = await model.decodeVq(tokens, encoded.grid)
  expect(Buffer.compare(again.data, image.data)).toBe(0)
})

describe('processes and workers', () => {
  const code = (body: string): string => `import { loadModel } from 'file://${root}/dist/index.js'\n${body}`
  const script = (body: string): string[] => ['--input-type=module', '-e', code(body)]

  test.each([
    ['an idle model', `const m = await loadModel(); await m.generate({ prompt: 'a', steps: 2 }).result()`],
    ['a run nobody awaits', `const m = await loadModel(); m.generate({ prompt: 'a', steps: 4096 })`],
    [
      'exit in mid-run',
      `const m = await loadModel(); const r = m.generate({ prompt: 'a', steps: 4096 }); for await (const s of r) process.exit(0)`,
    ],
    ['exit right after closing', `const m = await loadModel(); m.generate({ prompt: 'a', steps: 99 }); m.close(); process.exit(0)`],
  ])('a process ends with %s', async (_, body) => {
    await exec(process.execPath, script(body), { timeout: 20_000 })
  })

  test('an uncaught error keeps its exit code', async () => {
    const body = `const m = await loadModel(); m.generate({ prompt: 'a', steps: 4096 }); setTimeout(() => { throw new Error('mine') }, 50)
      for await (const s of m.generate({ prompt: 'b', steps: 4096 })) {}`
    await expect(exec(process.execPath, script(body), { timeout: 20_000 })).rejects.toMatchObject({ code: 1, signal: null })
  })

  const worker = (body: string): Worker => new Worker(new URL(`data:text/javascript,${encodeURIComponent(code(body))}`))

  test('8 workers at once give the same tokens', async () => {
    const body = `import { parentPort } from 'node:worker_threads'
      const m = await loadModel(); const { tokens } = await m.generate({ prompt: 'a red circle', steps: 8, seed: 3, temperature: 1 }).result()
      parentPort.postMessage([...tokens]); await m.close()`
    const expected = await tokensOf(3)
    const results = await Promise.all(
      Array.from({ length: 8 }, () => new Promise((resolve, reject) => worker(body).once('message', resolve).once('error', reject))),
    )
    for (const tokens of results) expect(tokens).toEqual(expected)
  })

  test('terminated workers in mid-run', async () => {
    const body = `import { parentPort } from 'node:worker_threads'
      const m = await loadModel(); for await (const s of m.generate({ prompt: 'a', steps: 4096, n: 2 })) parentPort.postMessage(0)`
    for (let i = 0; i < 5; i++) {
      const running = worker(body)
      await new Promise((resolve, reject) => running.once('message', resolve).once('error', reject))
      await running.terminate()
    }
    expect(await tokensOf(1)).toEqual(await tokensOf(1))
  })
})

test('memory stays flat over many runs, aborted and finished', async () => {
  const round = async (): Promise<void> => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const run = model.generate({ ...request, steps: 3, seed: i })
        if (i % 2) run.abort()
        await run.result().catch(() => undefined)
      }),
    )
  }
  const settle = async (): Promise<number> => {
    globalThis.gc!()
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc!()
    return process.memoryUsage().rss
  }
  for (let i = 0; i < 30; i++) await round()
  const before = await settle()
  for (let i = 0; i < 100; i++) await round()
  expect((await settle()) - before).toBeLessThan(24 * 2 ** 20)
}, 120_000)

test('who keeps an ended run does not keep what it was asked with', async () => {
  const collect = globalThis.gc!
  const side = 400
  const image = { data: new Uint8Array(side * side * 3), width: side, height: side, channels: 3 as const }
  const kept: unknown[] = []
  const ended = async (): Promise<number> => {
    const run = model.edit({ prompt: 'a red circle', image, steps: 2 })
    for await (const step of run) expect(step.steps).toBe(2)
    kept.push(run, await run.result())
    collect()
    await new Promise((resolve) => setTimeout(resolve, 10))
    collect()
    return process.memoryUsage().arrayBuffers
  }
  const before = await ended()
  for (let i = 0; i < 7; i++) await ended()
  expect((await ended()) - before).toBeLessThan(4 * image.data.length)
  expect(kept).toHaveLength(18)
})

test('misuse without types is named, with a code', async () => {
  const untyped = model as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>
  const { convert, planMemory, synth, encodeImage } = (await import('../../lib/index.js')) as unknown as typeof untyped
  const calls: [() => unknown, RegExp][] = [
    [() => untyped.decodeVq!(new Int32Array(4)), /decodeVq: grid/],
    [() => untyped.decodeVq!(new Int32Array(4), { width: 2, height: 2.5 }), /height must be/],
    [() => untyped.detokenize!(new Int32Array(1), null), /detokenize/],
    [() => untyped.encodeVq!(new Uint8Array(0)), /0 bytes/],
    [() => planMemory!(), /runs must be an array/],
    [() => planMemory!(undefined, [{ task: 'generate', request: { prompt: 'x', width: 65 } }]), /width must be a multiple of 8.*, got 65/],
    [() => convert!(), /output must be a path/],
    [() => synth!('tiny', '/tmp/x', null), /object of options/],
    [() => encodeImage!(null, 'png'), /expected \{data/],
    [() => encodeImage!({ data: new Uint8Array(60_000), width: 20_000, height: 1, channels: 3 }, 'webp'), /too large/],
  ]
  for (const [call, words] of calls) {
    const error = await Promise.resolve()
      .then(call)
      .catch((reason: unknown) => reason)
    expect(DimooError.is(error), String(words)).toBe(true)
    expect((error as DimooError).message).toMatch(words)
  }
})

test('closing ends image tokenizer jobs as disposed', async () => {
  const other = await loadModel()
  const job = other.decodeVq(new Int32Array(128 * 128), { width: 128, height: 128 }).catch((error: unknown) => error)
  await other.close()
  expect(await job).toMatchObject({ code: 'disposed' })
})

test('prompts: an empty one draws something, 1 MB is refused, a long one can be aborted', async () => {
  expect((await model.generate({ ...request, prompt: '' }).result()).tokens).toHaveLength(64)
  expect(() => model.generate({ ...request, prompt: 'x'.repeat(2 ** 20) })).toThrow(
    expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(/256 KB|262144|262,144/) as string }) as Error,
  )
  const run = model.generate({ ...request, prompt: 'a red circle and '.repeat(300) })
  run.abort()
  await expect(run.result()).rejects.toMatchObject({ name: 'AbortError' })
})
