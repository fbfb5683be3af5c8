// What waits at a server, and how long: pictures beyond what a pass holds count against max-queue, and whoever is turned away hears when
// there will be room.
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadModel } from '../../lib/index.js'
import { Load, type Burden } from '../../lib/server/runs/load.js'
import type { ModelInfo } from '../../lib/native/info.js'
import { INFO, ScriptedRunner } from './scripted.js'
import { eventually, serve } from './world.js'

const runner = new ScriptedRunner()
const burden = (state: Burden['state'], pictures: number, rows: number, steps: number, done = 0): Burden => {
  const whole = rows * steps
  return {
    runner,
    state,
    pictures,
    work: { rows, steps },
    workLeft: whole * (1 - done),
    workDone: whole * done,
    created: Date.now() - 1000,
  }
}

test('pictures beyond a pass wait, whatever the scheduler calls their runs', () => {
  const load = new Load(runner)
  expect(load.waiting([])).toBe(0)
  expect(load.waiting([burden('running', 4, 2048, 8)])).toBe(0)
  expect(load.waiting([burden('running', 16, 16 * 640, 8)])).toBe(13) // three of 640 rows fit into 2048
  expect(load.waiting([burden('running', 16, 16 * 640, 8), burden('running', 1, 640, 8)])).toBe(14)
  expect(load.waiting([burden('running', 2, 16_384, 8)])).toBe(1) // larger than a pass: one is decoded all the same
  expect(load.waiting([burden('queued', 3, 300, 8), burden('paused', 2, 200, 8), burden('running', 1, 100, 8)])).toBe(5)
})

test('the wait follows from what is left and how fast it went', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const load = new Load(runner)
  const short = { ...burden('running', 1, 1000, 10), workDone: 0, workLeft: 10_000 }
  const step = (): void => {
    short.workDone += 1000
    short.workLeft -= 1000
    load.stepped(short)
  }
  // Before anything was measured: a tenth in a second.
  expect(load.waitMs([burden('running', 1, 1000, 10, 0.1)], 1)).toBeCloseTo(9000, -2)
  // How long it takes to the first step is no measure of the others.
  vi.advanceTimersByTime(60_000)
  step()
  vi.advanceTimersByTime(1000)
  step()
  // 1000 rows a second: 8000 rows are left of one, 20000 of the other, and they take turns.
  const runs = [short, burden('running', 2, 1000, 20)]
  expect(load.waitMs(runs, 0)).toBe(0)
  expect(load.waitMs(runs, 1)).toBeCloseTo(16_000, -2)
  expect(load.waitMs(runs, 2)).toBeCloseTo(28_000, -2)
  expect(load.waitMs(runs, 1, (run) => run !== short)).toBeCloseTo(28_000, -2)
  // A run that was begun elsewhere has not been that fast here.
  vi.advanceTimersByTime(1000)
  load.stepped(burden('running', 1, 1000, 1000, 0.9))
  expect(load.waitMs(runs, 2)).toBeCloseTo(28_000, -2)
  // Nobody works while there is nothing to do.
  load.ended(short, false)
  vi.advanceTimersByTime(3_600_000)
  load.stepped(burden('running', 1, 1000, 1000))
  expect(load.waitMs(runs, 2)).toBeCloseTo(28_000, -2)
  // Nor while all of it is paused.
  load.rests()
  vi.advanceTimersByTime(3_600_000)
  load.stepped(burden('running', 1, 1000, 1000))
  expect(load.waitMs(runs, 2)).toBeCloseTo(28_000, -2)
})

test('a paused run is no slow one, whatever its server did meanwhile', async () => {
  const scripted = new ScriptedRunner()
  const { ask } = await serve(scripted)
  const now = vi.spyOn(performance, 'now')
  onTestFinished(() => now.mockRestore())
  const wait = async (): Promise<number> => ((await (await ask('/v1/stats')).json()) as { estimatedWaitMs: number }).estimatedWaitMs
  const send = (id: string): Promise<Response> =>
    ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', n: 16 }, options: { id }, detach: true } })
  await send('one')
  scripted.last.step()
  await ask('/v1/runs/one/pause', { method: 'POST' })
  const real = performance.now.bind(performance)
  now.mockImplementation(() => Date.now() - performance.timeOrigin + 3_600_000) // an hour later
  expect(real).toBeDefined()
  await ask('/v1/runs/one/continue', { method: 'POST' })
  scripted.last.step()
  scripted.last.step()
  await eventually(async () => ((await (await ask('/v1/runs/one')).json()) as { progress?: { step: number } }).progress?.step === 2)
  expect(await wait()).toBeLessThan(600_000)
})

test('a request that is refused leaves none of its bytes behind', async () => {
  const scripted = new ScriptedRunner()
  const { ask } = await serve(scripted, { maxQueue: 1 })
  const bytes = async (): Promise<number> => Number(/^dimoo_upload_bytes (\d+)$/m.exec(await (await ask('/metrics')).text())![1])
  const send = (request: object): Promise<Response> => ask('/v1/runs', { json: { task: 'generate', request } })
  expect((await send({ prompt: 'x', n: 16 })).status).toBe(202)
  const kept = await bytes()
  expect(kept).toBeGreaterThan(0)
  expect((await send({ prompt: 'x' })).status).toBe(429)
  expect((await send({ prompt: 'x', steps: 5000 })).status).toBe(422)
  expect((await send({ prompt: 'x', n: 17 })).status).toBe(422)
  expect((await ask('/v1/images/generations', { json: { prompt: 'x' } })).status).toBe(429)
  await eventually(async () => (await bytes()) === kept)
})

test('what a preset draws counts too', async () => {
  const scripted = new ScriptedRunner()
  const { ask } = await serve(scripted, { maxQueue: 3 })
  const send = (preset?: string): Promise<Response> =>
    ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', ...(preset && { preset }) } } })
  expect((await send()).status).toBe(202)
  expect((await send('best')).status).toBe(429) // four candidates
  expect((await send()).status).toBe(202)
})

test('a server with max-queue 2 takes one run of sixteen pictures, and tells the next when to come', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model, { maxQueue: 2 })
  const send = (id: string): Promise<Response> => {
    const json = { task: 'generate', request: { prompt: 'a red circle', n: 16, steps: 512 }, options: { id }, detach: true }
    return ask('/v1/runs', { json })
  }
  expect((await send('first')).status).toBe(202)
  await eventually(async () => ((await (await ask('/v1/runs/first')).json()) as { progress?: object }).progress, 'the first step', 30_000)
  const answers = await Promise.all(Array.from({ length: 11 }, (_, i) => send(`more-${i}`)))
  expect(answers.map(({ status }) => status)).toEqual(Array(11).fill(429))
  expect(Number(answers[0]!.headers.get('retry-after'))).toBeGreaterThan(1)
  const stats = (await (await ask('/v1/stats')).json()) as { estimatedWaitMs: number; rowsPerPass: number; server: object }
  expect(stats.estimatedWaitMs).toBeGreaterThan(1000)
  expect(stats.rowsPerPass).toBeGreaterThan(0)
  expect(stats.server).toMatchObject({ runs: 1, maxQueue: 2 })
  await ask('/v1/runs/first', { method: 'DELETE' })
  await eventually(async () => (await send('after')).status === 202, 'room', 30_000)
  await ask('/v1/runs/after', { method: 'DELETE' })
}, 120_000)

test('a run of more pictures than may wait comes in where nothing waits', async () => {
  const scripted = new ScriptedRunner()
  const { ask } = await serve(scripted, { maxQueue: 4 })
  const send = (n: number): Promise<Response> => ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', n } } })
  expect((await send(16)).status).toBe(202)
  const full = await send(1)
  expect(full.status).toBe(429)
  const { error } = (await full.json()) as { error: { message: string } }
  expect(error.message).toBe('queue: at most 4 pictures and answers may wait, 16 do, and one more came')
  scripted.last.step()
  expect((await send(4)).status).toBe(429) // eight of sixteen fit into a pass
  scripted.last.finish()
  await eventually(async () => (await send(4)).status === 202)
})

test('before any step was seen the wait follows from the work and the size of the model', async () => {
  class Cold extends ScriptedRunner {
    override async info(): Promise<ModelInfo> {
      const hyper = { dModel: 4096, nLayers: 32, nHeads: 32, nKvHeads: 32, headDim: 128, mlp: 12_288, contextLength: 8192 }
      return { ...INFO, hyper } as unknown as ModelInfo
    }
  }
  const after = async (request: object): Promise<number> => {
    const scripted = new Cold()
    scripted.estimatedWaitMs = 0
    const { ask } = await serve(scripted, { maxQueue: 1 })
    const send = (): Promise<Response> => ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', ...request } } })
    expect((await send()).status).toBe(202)
    const refused = await send()
    expect(refused.status).toBe(429)
    return Number(refused.headers.get('retry-after'))
  }
  const [one, eight, most] = [await after({ steps: 1 }), await after({ steps: 8 }), await after({ steps: 64, n: 16 })]
  expect([one, eight, most]).toEqual([expect.any(Number), expect.any(Number), 600])
  expect(one).toBeGreaterThan(5) // 256 rows of 7 G weights, at 200 G operations a second
  expect(one).toBeLessThan(60)
  expect(eight / one).toBeCloseTo(8, 0)
})

test('where only paused runs could make room it takes a while', async () => {
  const scripted = new ScriptedRunner()
  const key = 'a-key-of-16-chars'
  const { ask } = await serve(scripted, {
    maxQueue: 2,
    apiKeys: [
      { name: 'a', key, concurrency: 2 },
      { name: 'b', key: `${key}-b` },
    ],
  })
  const send = (id: string, n: number, bearer = key): Promise<Response> =>
    ask('/v1/runs', {
      json: { task: 'generate', request: { prompt: 'x', n }, options: { id }, detach: true },
      headers: { authorization: `Bearer ${bearer}` },
    })
  const pause = (id: string): Promise<Response> =>
    ask(`/v1/runs/${id}/pause`, { method: 'POST', headers: { authorization: `Bearer ${key}` } })
  for (const id of ['one', 'two']) {
    expect((await send(id, 1)).status).toBe(202)
    scripted.last.step()
    await pause(id)
  }
  const [own, other] = [await send('three', 1), await send('four', 1, `${key}-b`)]
  expect([own.status, other.status]).toEqual([429, 429])
  expect([own, other].map(({ headers }) => headers.get('retry-after'))).toEqual(['30', '30'])
  await ask('/v1/runs/one/continue', { method: 'POST', headers: { authorization: `Bearer ${key}` } })
  expect(Number((await send('three', 1)).headers.get('retry-after'))).toBeLessThan(30)
})
