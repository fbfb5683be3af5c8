// A pool of miniatures in real processes and threads: the bits of a model alone, whatever dies meanwhile.
import { spawn } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DimooError,
  loadModel,
  type DimooModel,
  type ImageResult,
  type ImageStep,
  type RunOptions,
  type TextResult,
} from '../../lib/index.js'
import { createPool, type Pool } from '../../lib/pool/index.js'
import { golden } from './native.js'
import { essence, failure, quiet, waitingAtMost } from '../fleet.js'

const until = waitingAtMost(20_000)
const root = path.resolve(import.meta.dirname, '../..')
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
/** Of the member that decodes something. */
async function busyPid(pool: Pool): Promise<number> {
  let pid: number | undefined
  await until(async () => {
    pid = (await pool.stats()).members.find(({ runs }) => runs > 0)?.pid
    return pid !== undefined
  })
  return pid!
}

let model: DimooModel
let pool: Pool
beforeAll(async () => {
  model = await loadModel(undefined, { threads: 1 })
  pool = await createPool({ members: [{ threads: 1 }, { threads: 1 }], snapshotEvery: 50, logger: quiet })
})
afterAll(async () => {
  await pool.close()
  await model.close()
})

const long = { prompt: 'a large yellow star on a black background', seed: 7, steps: 48, n: 2 }

describe('a pool', () => {
  test('gives every task the bits of a model alone', async () => {
    const drawn = await model.generate({ prompt: 'a red circle', seed: 3, steps: 8 }).result()
    const both = async (of: (on: DimooModel | Pool) => { result(): Promise<ImageResult | TextResult> }): Promise<void> =>
      expect(essence(await of(pool).result())).toEqual(essence(await of(model).result()))
    const mask = { left: 0, top: 0, width: 24, height: 64 }
    await both((on) => on.generate({ prompt: 'a blue square', seed: 1, steps: 8, n: 3, schedule: (progress) => 1 - progress }))
    await both((on) => on.edit({ prompt: 'Make the background black.', image: drawn, seed: 1, steps: 6 }))
    await both((on) => on.inpaint({ prompt: 'a star', image: drawn, mask, composite: { feather: 2 }, seed: 1, steps: 6 }))
    await both((on) => on.generate({ prompt: 'a red circle', bestOf: 3, seed: 1, steps: 6 }))
    await both((on) => on.ask({ prompt: 'What color is the circle?', images: [drawn], length: 16, seed: 1 }))
    await both((on) => on.chat({ messages: [{ role: 'user', content: 'There is a red circle. What color is it?' }], length: 16, seed: 1 }))
  })

  test('shares work out and shows steps, previews and comfort as a model does', async () => {
    const runs = Array.from({ length: 6 }, (_, i) => pool.generate({ prompt: 'a red circle', seed: i, steps: 32 }))
    await until(async () => (await pool.stats()).members.every(({ runs: count }) => count > 0))
    await Promise.all(runs.map((run) => run.result()))
    const steps = async (on: DimooModel | Pool): Promise<ImageStep[]> => {
      const seen: ImageStep[] = []
      const options = { delivery: 'all', previews: { format: 'png', every: 2 } } as const
      for await (const step of on.generate({ prompt: 'a red circle', seed: 5, steps: 5 }, options)) seen.push(step)
      return seen
    }
    const [here, there] = [await steps(model), await steps(pool)]
    const facts = (step: ImageStep): unknown => ({
      ...step,
      elapsedMs: 0,
      preview: step.preview && Buffer.from(step.preview as Uint8Array),
    })
    expect(there.map(facts)).toEqual(here.map(facts))
    expect(await there[2]!.decode({ quality: 'draft' })).toEqual(await here[2]!.decode({ quality: 'draft' }))
    const run = pool.generate({ prompt: '', steps: 2 })
    await run.result()
    expect(await run.decode(there[1]!)).toEqual(await here[1]!.decode())
  })

  test('says what is wrong where the caller stands', async () => {
    expect(() => pool.generate({ prompt: 'x', width: 7 })).toThrow(/width/)
    expect(() => pool.generate({ prompt: 'x', stepz: 3 } as never)).toThrow(/did you mean 'steps'/)
    expect(() =>
      pool.ask({ prompt: 'x', images: [{ data: new Uint8Array(3), width: 1, height: 1, channels: 3 }] }, { previews: {} }),
    ).toThrow(/previews/)
    expect(() => pool.resume(Uint8Array.of(1))).toThrow(/few/)
    expect(await failure(pool.edit({ prompt: 'x', image: '/nothing/there.png' }).result())).toSatisfy((error) =>
      DimooError.is(error, 'image/invalid'),
    )
    expect(await failure(pool.generate(long, { deadlineMs: 20 }).result())).toSatisfy((error) => DimooError.is(error, 'run/deadline'))
    await expect(createPool({ members: [] })).rejects.toThrow(/members/)
    await expect(createPool({ members: [{}], source: '/nothing/there.gguf' })).rejects.toSatisfy((error) =>
      DimooError.is(error, 'model/not-found'),
    )
    await expect(createPool({ members: [{}, {}], isolation: 'thread' })).rejects.toThrow(/different devices/)
    await expect(createPool({ members: [{ device: 'cuda:0' }], logger: quiet })).rejects.toSatisfy((error) =>
      DimooError.is(error, 'device/unavailable'),
    )
  })

  test('aborts with the reason itself, and at once', async () => {
    const reason = new Error('enough')
    const run = pool.generate(long)
    await busyPid(pool)
    run.abort(reason)
    expect(await failure(run.result())).toBe(reason)
    expect(run.state).toBe('aborted')
    for await (const step of pool.generate(long)) if (step.step > 2) break // leaving aborts too
    const controller = new AbortController()
    const signalled = pool.generate(long, { signal: controller.signal })
    controller.abort(reason)
    expect(await failure(signalled.result())).toBe(reason)
    await until(async () => (await pool.stats()).running === 0)
  })

  test('a run that nobody holds is collected, and stops', async () => {
    const begin = (): void => void pool.generate({ ...long, n: 8, steps: 512 })
    begin()
    await busyPid(pool)
    await until(async () => {
      ;(globalThis as unknown as { gc: () => void }).gc()
      return (await pool.stats()).running === 0
    }, 10_000)
  })
})

describe('a member that dies', () => {
  test('costs its runs nothing: every step once, the same bits', async () => {
    const steps: number[] = []
    const alone = essence(await model.generate(long).result())
    const options: RunOptions = { delivery: 'all' }
    const run = pool.generate(long, options)
    const answer = pool.ask({
      prompt: 'What shape is it?',
      images: [await model.generate({ prompt: 'x', seed: 1, steps: 2 }).result()],
      length: 32,
      steps: 32,
      seed: 2,
    })
    const seen = new Int32Array(64).fill(-1)
    for await (const step of run) {
      if (step.image === 0) {
        steps.push(step.step)
        step.changed.forEach((cell) => (seen[cell] = step.tokens[cell]!))
        if ([5, 20, 40].includes(step.step)) process.kill(await busyPid(pool), 'SIGKILL')
      }
    }
    const result = await run.result()
    expect(steps).toEqual(Array.from({ length: 48 }, (_, i) => i))
    expect(essence(result)).toEqual(alone)
    expect(seen).toEqual(result.images[0]!.tokens) // what steps said of changes adds up
    expect((await answer.result()).text).toBeTypeOf('string')
    const { members } = await pool.stats()
    expect(members.reduce((sum, { restarts }) => sum + restarts, 0)).toBeGreaterThanOrEqual(3)
    expect(result.timings.totalMs).toBeGreaterThan(result.timings.decodeMs)
  })

  test('computes little twice: what a snapshot is old, and a step', async () => {
    const snapshotEvery = 300
    const own = await createPool({ members: [{ threads: 1 }], snapshotEvery, logger: quiet })
    const done: number[] = [] // when each step was seen
    let killed = 0
    const from: number[] = []
    const note = (event: unknown): void => void from.push((event as { step: number }).step)
    subscribe('dimoo:run:resumed', note)
    const run = own.generate({ ...long, n: 8 }, { delivery: 'all' })
    for await (const step of run) {
      if (step.image === 0) done[step.step] = performance.now()
      if (step.step !== 30 || killed > 0) continue
      process.kill(await busyPid(own), 'SIGKILL')
      killed = performance.now()
    }
    unsubscribe('dimoo:run:resumed', note)
    await own.close()
    expect(from).toHaveLength(1)
    // Steps that were computed twice: those after the snapshot. A step of a machine that is busy with other things may take long.
    const longest = Math.max(...done.slice(1, 31).map((at, i) => at - done[i]!))
    expect(from[0]).toBeGreaterThan(0)
    expect(killed - done[from[0]! - 1]!).toBeLessThan(snapshotEvery + 2 * longest + 100)
  })

  test('keeps what was masked again', async () => {
    const run = pool.generate({ ...long, n: 1 }, { delivery: 'all' })
    for await (const step of run) {
      if (step.step !== 10) continue
      await run.remask({ left: 0, top: 0, width: 32, height: 16 })
      process.kill(await busyPid(pool), 'SIGKILL')
    }
    const { remasked } = await run.result()
    expect(remasked).toHaveLength(1)
    expect(remasked[0]!.step).toBeGreaterThanOrEqual(11)
    await expect(run.remask({ left: 0, top: 0, width: 32, height: 16 })).rejects.toSatisfy((error) =>
      DimooError.is(error, 'request/invalid'),
    )
  })

  test('leaves a paused run paused', async () => {
    const run = pool.generate(long, { delivery: 'all' })
    const seen: number[] = []
    for await (const step of run) {
      seen.push(step.step)
      if (step.step !== 10 || step.image !== 0) continue
      await run.pause()
      process.kill(await busyPid(pool), 'SIGKILL')
      const again = model.resume(await run.snapshot()) // of the run where it goes on
      expect(run.state).toBe('paused')
      again.abort()
      again.result().catch(() => undefined)
      const { members } = await pool.stats()
      expect(members.reduce((sum, { scheduler }) => sum + (scheduler?.paused ?? 0), 0)).toBe(1)
      await run.continue()
    }
    expect(seen).toEqual(Array.from({ length: 96 }, (_, i) => Math.floor(i / 2)))
    expect(essence(await run.result())).toEqual(essence(await model.generate(long).result()))
  })

  test('with every run it is given is not tried for ever', async () => {
    const own = await createPool({ members: [{ threads: 1 }], snapshotEvery: 3_600_000, logger: quiet })
    // Nothing is written down but after the first step: stopped, a member never comes so far.
    const ended = failure(own.generate({ ...long, steps: 4096, n: 16 }).result())
    const killing = setInterval(() => {
      void own.stats().then(({ members }) => members[0]!.runs > 0 && members[0]!.pid && process.kill(members[0]!.pid, 'SIGKILL'))
    }, 5)
    try {
      expect(await ended).toSatisfy((error) => DimooError.is(error, 'device/lost'))
    } finally {
      clearInterval(killing)
      await own.close()
    }
  })

  test('goes with the pool, and with the process that made it', async () => {
    const own = await createPool({ members: [{ threads: 1 }, { threads: 1 }], logger: quiet })
    const pids = (await own.stats()).members.map(({ pid }) => pid!)
    const run = own.generate(long)
    await own.close({ reason: 'closing time' })
    expect(await failure(run.result())).toBe('closing time')
    expect(pids.map(alive)).toEqual([false, false])
    await expect(own.info()).rejects.toSatisfy((error) => DimooError.is(error, 'disposed'))
    const script = `
      import { createPool } from ${JSON.stringify(pathToFileURL(path.join(root, 'dist/pool/index.js')).href)}
      const pool = await createPool({ members: [{ threads: 1 }] })
      console.log((await pool.stats()).members[0].pid)
      setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(said.toString())
    expect(alive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await until(() => !alive(pid))
  })
})

describe('a restart', () => {
  test('of all members, one after the other, loses no run', async () => {
    const before = (await pool.stats()).members.map(({ pid }) => pid)
    const alone = await Promise.all([1, 2, 3].map(async (seed) => essence(await model.generate({ ...long, seed }).result())))
    const running: Promise<unknown>[] = []
    const stop = new AbortController()
    const load = (async () => {
      while (!stop.signal.aborted) {
        for (const seed of [1, 2, 3])
          running.push(
            pool
              .generate({ ...long, seed })
              .result()
              .then(essence),
          )
        await Promise.race(running.slice(-3))
      }
    })()
    await busyPid(pool)
    await pool.restart()
    stop.abort()
    await load
    const results = await Promise.all(running)
    results.forEach((result, i) => expect(result).toEqual(alone[i % 3]))
    const after = (await pool.stats()).members
    expect(after.map(({ state }) => state)).toEqual(['ready', 'ready'])
    expect(after.filter(({ pid }) => before.includes(pid))).toEqual([])
  })

  test('with new weights: what runs ends with the old ones, what comes has the new ones; what does not load changes nothing', async () => {
    const own = await createPool({ members: [{ threads: 1 }, { threads: 1 }], precision: 'f32', logger: quiet })
    const old = await own.info()
    const alone = await loadModel(undefined, { threads: 1, precision: 'f32' })
    await expect(own.restart({ source: '/nothing/there' })).rejects.toSatisfy((error) => DimooError.is(error, 'model/not-found'))
    const run = own.generate(long)
    await busyPid(own)
    const snapshot = await run.snapshot()
    const checkpoint = path.join(golden, 'checkpoint')
    const other = await loadModel(checkpoint, { device: 'cpu', precision: 'f32' })
    const asked = { prompt: 'a lamp', steps: 4, width: 32, height: 32, seed: 1 }
    const [restarted] = await Promise.all([own.restart({ source: checkpoint }), run.result()])
    expect(restarted).toBeUndefined()
    expect(essence(await run.result())).toEqual(essence(await alone.generate(long).result()))
    expect((await own.info()).sha256).not.toBe(old.sha256)
    expect(essence(await own.generate(asked).result())).toEqual(essence(await other.generate(asked).result()))
    expect(() => own.resume(snapshot)).toThrow(/of model/)
    expect(essence(await (alone.resume(snapshot) as unknown as typeof run).result())).toEqual(essence(await run.result()))
    await Promise.all([own.close(), alone.close(), other.close()])
  })
})

test('snapshots go from a model to a pool and back', async () => {
  const alone = essence(await model.generate(long).result())
  const here = model.generate(long, { delivery: 'all' })
  for await (const step of here) if (step.step === 9) break
  const begun = model.generate(long)
  const there = pool.resume(await begun.snapshot())
  begun.abort()
  begun.result().catch(() => undefined)
  expect(essence((await there.result()) as ImageResult)).toEqual(alone)
  const run = pool.generate(long)
  const back = model.resume(await run.snapshot())
  run.abort()
  run.result().catch(() => undefined)
  expect(essence((await back.result()) as ImageResult)).toEqual(alone)
})

test('threads: a model in each, in this process', async () => {
  const own = await createPool({ members: [{ device: 'cpu', threads: 1 }], isolation: 'thread', logger: quiet })
  expect(essence(await own.generate(long).result())).toEqual(essence(await model.generate(long).result()))
  await own.close()
})
