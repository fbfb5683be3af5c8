// Two servers in front of one queue, as processes: a client whose server dies goes on at the other one and sees every event once.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import { loadModel } from '../../lib/index.js'
import { RedisServer } from './redis.js'

const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')
const children: ChildProcess[] = []
let redis: RedisServer
let folder: string
beforeAll(async () => {
  redis = await RedisServer.start()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-store-'))
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await redis.end()
  rmSync(folder, { recursive: true, force: true })
})

/** Its first event of that name on standard output. */
async function started(event: string, ...args: readonly string[]): Promise<{ child: ChildProcess; told: Record<string, string> }> {
  const child = spawn(process.execPath, [main, ...args, '--redis', redis.url, '--store', folder, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const told = JSON.parse(line) as Record<string, string>
    if (told['event'] === event) return { child, told }
  }
  throw new Error(`expected ${event} of dimoo ${args.join(' ')}`)
}

const serve = (): ReturnType<typeof started> => started('listening', 'serve', '--port', '0', '--no-studio', '--log-level', 'silent')
const long = { prompt: 'a large yellow star on a black background', seed: '7', steps: 200, n: 2 }

test('a client goes on where its server died', { timeout: 240_000 }, async () => {
  const [a, b] = await Promise.all([serve(), serve(), started('working', 'worker', '--threads', '1', '--snapshot-every', '100')])
  const model = await loadModel(undefined, { threads: 1 })
  const alone = await model.generate(long).result()
  await model.close()

  // The client of this package.
  const runner = connect([a.told['url']!, b.told['url']!])
  const run = runner.generate(long, { delivery: 'all' })
  const seen: number[] = []
  for await (const { image, step } of run) {
    if (image !== 0) continue
    seen.push(step)
    if (step === 20) a.child.kill('SIGKILL')
  }
  // As many as there are cells: a step fixes one at least.
  expect(alone.usage.steps).toBe(64)
  expect(seen).toEqual(Array.from({ length: alone.usage.steps }, (_, i) => i))
  expect((await run.result()).images.map(({ tokens }) => tokens)).toEqual(alone.images.map(({ tokens }) => tokens))
})
