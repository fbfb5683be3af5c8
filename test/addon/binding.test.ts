// The addon's own door (lib/native/binding.ts): what it refuses, how its objects are let go, and callbacks that throw.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binding } from '../../lib/native/binding.js'
import type { NativeImageRequest, NativeModel } from '../../lib/native/binding.js'
import { decode, golden, load } from './native.js'

const root = path.resolve(import.meta.dirname, '../..')
const checkpoint = path.join(golden, 'checkpoint')
const exec = promisify(execFile)

let model: NativeModel
let request: NativeImageRequest
beforeAll(async () => {
  model = await load(checkpoint)
  const { tokens } = JSON.parse(model.info()) as { tokens: Record<string, number> }
  const suffix = Int32Array.of(tokens.image_end!, tokens.answer_end!)
  request = {
    kind: 'image',
    prefixes: [Int32Array.of(5, 6, tokens.image_begin!), Int32Array.of(7, tokens.image_begin!)],
    guidance: [2],
    suffixes: [suffix, suffix],
    rows: 4,
    columns: 4,
    cells: new Int32Array(16).fill(-1),
    seeds: BigUint64Array.of(1n),
    steps: 4,
    temperature: 0,
    schedule: 'cosine',
    priority: 0,
    tag: '',
    delivery: 'latest',
    buffer: 1,
  }
})
afterAll(() => model.close().promise)

const nothing = (): void => undefined

describe('a request that TypeScript would not have let through', () => {
  test.each<[string, object]>([
    ['delivery: expected one of latest, all, none, got some', { delivery: 'some' }],
    ['schedule: expected one of cosine, linear, got fast', { schedule: 'fast' }],
    ['values of the schedule must lie in 4..4, got 2', { schedule: new Float32Array(2) }],
    ['cells: expected an Int32Array', { cells: new Float32Array(16) }],
    ['cells must lie in 16..16, got 15', { cells: new Int32Array(15) }],
    ['code must lie in', { cells: new Int32Array(16).fill(1 << 30) }],
    ['seeds: expected a BigUint64Array', { seeds: [1n] }],
    ['pictures must lie in 1..64, got 0', { seeds: new BigUint64Array(0) }],
    ['steps: expected a whole number', { steps: 1.5 }],
    ['steps must lie in 1..4096, got 4097', { steps: 4097 }],
    ['guidance weights must lie in 1..1, got 0', { guidance: [] }],
    ['guidance must be finite, got inf', { guidance: [Infinity] }],
    ['floor: expected 0 to 1, got 1.5', { floor: 1.5 }],
    ['floor: expected 0 to 1, got nan', { floor: NaN }],
    ['tokens of a prefix must lie in', { prefixes: [new Int32Array(0), Int32Array.of(1)] }],
    ['token id must lie in', { prefixes: [Int32Array.of(-5), Int32Array.of(1)] }],
    ['prefixes: expected a value', { prefixes: undefined }],
    ['prefixes: expected an array', { prefixes: {} }],
    ['prefixes: expected an Int32Array', { prefixes: ['a', 'b'] }],
    ['noise: expected objects', { noise: [1, 2, 3, 4] }],
  ])('%s', (message, change) => {
    const start = (): unknown => model.run({ ...request, ...change }, nothing)
    expect(start).toThrow(
      expect.objectContaining({ code: 'request/invalid', message: expect.stringContaining(message) as string }) as Error,
    )
  })

  test('options and jobs', async () => {
    const refused = { code: 'request/invalid' }
    await expect(load(checkpoint, { precision: 'bf16' })).rejects.toMatchObject(refused)
    expect(() => binding().load(1 as unknown as string)).toThrow(expect.objectContaining(refused) as Error)
    expect(() => binding().load('{')).toThrow(expect.objectContaining(refused) as Error)
    expect(() => binding().job('nothing' as 'doctor', '{}')).toThrow(expect.objectContaining(refused) as Error)
    await expect(model.decodeVq(new Int32Array(16), 4, 5).promise).rejects.toMatchObject(refused)
    await expect(model.encodeVq(new Uint8Array(3), 1, 1).promise).rejects.toMatchObject({ code: 'image/invalid' })
  })

  test('objects of another kind, and classes called by hand', () => {
    const run = model.run(request, nothing)
    const method = (on: object, name: string): (() => unknown) => (on as Record<string, () => unknown>)[name]!
    for (const misuse of [
      () => method(model, 'info').call(run),
      () => method(run, 'next').call(model),
      () => Reflect.construct(model.constructor, []) as unknown,
      () => Reflect.construct(run.constructor, [model]) as unknown,
    ])
      expect(misuse).toThrow(TypeError)
    run.cancel()
  })
})

test('a run costs rows and passes, and hands its outcome over as often as it is asked', async () => {
  const { outcome, steps } = await decode(model, { ...request, delivery: 'all', buffer: 8 })
  expect(outcome).toMatchObject({ state: 'done', steps: 4, forwardPasses: 4 })
  expect(outcome.forwardTokens).toBe(4 * (3 + 2 + 2 * (20 + 2)))
  expect(steps.map(({ step }) => step)).toEqual([0, 1, 2, 3])
  const run = model.run({ ...request, delivery: 'none' }, nothing)
  while (!run.outcome()) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(run.outcome()).toEqual(run.outcome())
  expect(run.next()).toBeNull()
  run.cancel()
  expect(run.state()).toBe('done')
})

test('a run that is paused wakes whoever waits, and is continued; names and plans', async () => {
  const run = model.run({ ...request, id: 'mine', delivery: 'all' }, () => wake())
  let wake = nothing
  const until = async (state: string): Promise<void> => {
    while (run.state() !== state) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      run.outcome() // somebody waits
      if (run.state() !== state) await woken
    }
  }
  expect(run.id()).toBe('mine')
  expect(model.run(request, nothing).id()).toMatch(/^run-[0-9a-f]{32}-\d+$/)
  run.pause()
  await until('paused')
  expect((JSON.parse(model.stats()) as { paused: number }).paused).toBe(1)
  run.continue()
  while (run.next() !== null) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(run.outcome()!.state).toBe('done')
  const plan = (change: object): { kvBytes: number; fits: boolean } =>
    JSON.parse(model.plan([{ ...request, ...change }])) as { kvBytes: number; fits: boolean }
  expect(plan({}).fits).toBe(true)
  expect(plan({ cache: { ratio: 0.9, warmup: 0, refresh: 5 } }).kvBytes).toBeGreaterThan(plan({}).kvBytes)
  expect(() => plan({ steps: 0 })).toThrow(expect.objectContaining({ code: 'request/invalid' }) as Error)
})

test('a picture begins with the cells of another, at its step; pinned ones stay', async () => {
  const { steps } = await decode(model, { ...request, delivery: 'all', buffer: 8 })
  const cells = steps[1]!.tokens
  const pinned = Uint32Array.from([...cells.keys()].filter((cell) => cells[cell]! >= 0))
  const start = { tokens: cells, step: 2, pinned }
  const fork = await decode(model, { ...request, seeds: BigUint64Array.of(9n), start, delivery: 'all', buffer: 8 })
  expect(fork.steps[0]!.step).toBe(2)
  for (const cell of pinned) expect(fork.outcome.images[0]!.tokens[cell]).toBe(cells[cell])
  expect(() => model.run({ ...request, start: { ...start, tokens: request.cells } }, nothing)).toThrow(
    expect.objectContaining({ message: expect.stringContaining('pinned cells must hold a code') as string }) as Error,
  )
})

test('jobs that are cancelled reject, those that wait for the device too', async () => {
  const busy = model.run({ ...request, steps: 16, seeds: new BigUint64Array(64) }, nothing)
  const jobs = [
    model.decodeVq(new Int32Array(1 << 14), 1 << 7, 1 << 7),
    model.decodeVq(new Int32Array(1 << 14), 1 << 7, 1 << 7),
    binding().load(JSON.stringify({ source: checkpoint, device: 'cpu', precision: 'fast', threads: 2, verify: 'full' })),
  ]
  for (const job of jobs) job.cancel()
  const start = performance.now()
  const ends = await Promise.allSettled<unknown>(jobs.map((job) => job.promise))
  expect(ends).toEqual(jobs.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code: 'aborted' }) as Error })))
  expect(performance.now() - start).toBeLessThan(1000)
  busy.cancel()
  expect(busy.outcome()!.state).toBe('aborted')
})

test('closed twice: both promises resolve, everything else says so', async () => {
  const other = await load(checkpoint)
  const run = other.run({ ...request, seeds: new BigUint64Array(64) }, nothing)
  await Promise.all([other.close().promise, other.close().promise])
  expect(run.outcome()!.state).toBe('aborted')
  for (const use of [() => other.info(), () => other.stats(), () => other.tokenizerJson(), () => other.run(request, nothing)])
    expect(use).toThrow(expect.objectContaining({ code: 'disposed' }) as Error)
})

test('a worker that is terminated takes its jobs along, long before they would have been done', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-'))
  const output = path.join(folder, 'model.gguf')
  const body = `import { parentPort } from 'node:worker_threads'
    const { synth } = await import('file://${root}/dist/index.js')
    await synth('0.5b', ${JSON.stringify(output)}, { type: 'q4_k', onProgress: ({ fraction }) => parentPort.postMessage(fraction) })`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(body)}`))
  const start = performance.now()
  const reached = await new Promise<number>((resolve, reject) => {
    worker.on('message', (fraction: number) => {
      if (performance.now() - start > 500) resolve(fraction)
    })
    worker.once('error', reject)
  })
  const left = ((performance.now() - start) * (1 - reached)) / reached
  const stop = performance.now()
  await worker.terminate()
  expect(performance.now() - stop).toBeLessThan(left / 4)
  expect(readdirSync(folder)).toEqual([])
  rmSync(folder, { recursive: true })
}, 60_000)

describe('a process', () => {
  const prelude = `
    import { binding } from 'file://${root}/dist/native/binding.js'
    const load = (progress) => binding().load(${JSON.stringify(
      JSON.stringify({ source: checkpoint, device: 'cpu', precision: 'f32', threads: 2, verify: 'full', maxActive: 1 }),
    )}, progress)
    const request = { kind: 'image', prefixes: [Int32Array.of(5)], guidance: [], suffixes: [Int32Array.of(6)], priority: 0, tag: '', rows: 4, columns: 4, cells: new Int32Array(16).fill(-1),
      seeds: new BigUint64Array(64), steps: 16, temperature: 0, schedule: 'cosine', delivery: 'all', buffer: 1 }`
  const script = async (body: string): Promise<string> =>
    (await exec(process.execPath, ['--expose-gc', '--input-type=module', '-e', `${prelude}\n${body}`], { timeout: 20_000 })).stdout

  test('ends though a run that was waited for was dropped', async () => {
    const out = await script(`
      const model = await load().promise
      const first = model.run(request, () => undefined) // pauses after a step: nobody reads
      const drop = () => model.run(request, () => undefined).outcome() // waits behind it
      drop()
      const { aborted } = await new Promise((resolve) => {
        const look = () => { gc(); const stats = JSON.parse(model.stats()); stats.aborted ? resolve(stats) : setTimeout(look, 10) }
        look()
      })
      console.log(aborted, first.state())`)
    expect(out).toBe('1 running\n')
  })

  test('hears of a listener that throws, and the load goes on', async () => {
    const out = await script(`
      let caught = 0
      process.on('uncaughtException', (error) => { if (error.message === 'mine') caught++ })
      const model = await load(() => { throw new Error('mine') }).promise
      console.log(caught > 0, typeof model.info())
      const run = model.run({ ...request, delivery: 'none' }, () => { throw new Error('mine') })
      const before = caught
      run.outcome()
      run.cancel()
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.log(caught > before, run.state())`)
    expect(out).toBe('true string\ntrue aborted\n')
  })

  test.each([
    'load().promise.catch(() => undefined)',
    'load()',
    'const m = await load().promise; m.encodeVq(new Uint8Array(3 << 16), 256, 256)',
  ])('may exit during %s', async (body) => {
    await script(`${body}\nsetImmediate(() => process.exit(0))`)
  })
})
