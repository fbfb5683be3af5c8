// A pool under load: members that are killed while many runs of all kinds go on, and a server over one (`dimoo serve --members 2`).
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import { loadModel, type DimooModel, type ImageResult, type TextResult } from '../../lib/index.js'
import { createPool, type PoolStats } from '../../lib/pool/index.js'
import type { RemoteRunner } from '../../lib/client/index.js'
import type { Runner } from '../../lib/runner/runner.js'
import { essence, quiet } from '../fleet.js'

const root = path.resolve(import.meta.dirname, '../..')

type Ask = (on: Runner) => { readonly id: string; result(): Promise<ImageResult | TextResult> } & AsyncIterable<{ step: number }>
const KINDS: readonly Ask[] = [
  (on) => on.generate({ prompt: 'a red circle', seed: 1, steps: 24 }, { delivery: 'all' }),
  (on) => on.generate({ prompt: 'a large yellow star on a black background', seed: 7, steps: 32, n: 2 }, { delivery: 'all' }),
  (on) => on.generate({ prompt: 'a blue square', seed: 4, steps: 40, cache: { ratio: 0.5 } }, { delivery: 'all' }),
  (on) => on.chat({ messages: [{ role: 'user', content: 'There is a red circle. What color is it?' }], length: 32, seed: 1 }),
]

/** All kinds, `times` times, each alike whoever decodes it; `stepped` hears of every step. */
async function load(on: Runner, alone: readonly unknown[], times: number, stepped: () => void): Promise<void> {
  const one = async (i: number): Promise<void> => {
    const run = KINDS[i % KINDS.length]!(on)
    const result = run.result()
    for await (const _ of run) stepped()
    expect(essence(await result), run.id).toEqual(alone[i % KINDS.length])
  }
  await Promise.all(Array.from({ length: times * KINDS.length }, (_, i) => one(i)))
}

async function solo(): Promise<unknown[]> {
  const model: DimooModel = await loadModel(undefined, { threads: 1 })
  const found: unknown[] = []
  for (const ask of KINDS) found.push(essence(await ask(model).result()))
  await model.close()
  return found
}

/** Kills a member that has runs each time that so many steps were seen. */
function killer(every: number, kills: number, stats: () => Promise<Pick<PoolStats, 'members'>>): { seen: () => void; count: () => number } {
  let [steps, killed, asking] = [0, 0, false]
  const kill = async (): Promise<void> => {
    const { members } = await stats()
    const pids = members.flatMap(({ runs, pid, state }) => (runs > 0 && state === 'ready' && pid !== undefined ? [pid] : []))
    const pid = pids[killed % Math.max(1, pids.length)]
    if (pid === undefined) return
    process.kill(pid, 'SIGKILL')
    killed++
    steps = 0
  }
  const seen = (): void => {
    if (++steps < every || killed >= kills || asking) return
    asking = true
    void kill().finally(() => (asking = false))
  }
  return { seen, count: () => killed }
}

test('members that are killed under load cost no run anything', { timeout: 300_000 }, async () => {
  const alone = await solo()
  const pool = await createPool({ members: [{ threads: 1 }, { threads: 1 }], snapshotEvery: 100, logger: quiet })
  onTestFinished(() => pool.close())
  const storm = killer(40, 3, () => pool.stats())
  await load(pool, alone, 3, storm.seen)
  expect(storm.count()).toBe(3)
  const { members, waiting, running } = await pool.stats()
  expect(members.reduce((sum, { restarts }) => sum + restarts, 0)).toBeGreaterThanOrEqual(storm.count())
  expect([waiting, running]).toEqual([0, 0])
})

test('dimoo serve --members 2: two processes behind one server, of which one dies', { timeout: 300_000 }, async () => {
  const alone = await solo()
  const args = ['serve', '--members', '2', '--threads', '1', '--port', '0', '--no-studio', '--log-level', 'silent', '--json']
  const child = spawn(process.execPath, [path.join(root, 'dist/cli/main.js'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGTERM'))
  let url: string | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const told = JSON.parse(line) as { event: string; url?: string }
    if (told.event !== 'listening') continue
    url = told.url
    break
  }
  const runner: RemoteRunner = connect(url!)
  const stats = async (): Promise<PoolStats> => (await runner.stats()) as PoolStats
  expect((await stats()).members.map(({ state }) => state)).toEqual(['ready', 'ready'])
  const storm = killer(40, 1, stats)
  await load(runner, alone, 2, storm.seen)
  expect(storm.count()).toBe(1)
  const { members } = await stats()
  expect(members.map(({ restarts }) => restarts).sort()).toEqual([0, 1])
  await runner.close()
})
