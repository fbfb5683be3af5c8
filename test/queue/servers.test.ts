// Two servers in front of one queue, as processes: a client whose server dies goes on at the other one and sees every event once.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../lib/client/index.js'
import { readEvents } from '../server/server-events.js'
import { loadModel } from '../../lib/index.js'
import { Keys, jobOf } from '../../lib/queue/keys.js'
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

interface Told {
  readonly ids: readonly number[]
  readonly steps: readonly number[]
  /** Events that were forgotten, each time some were. */
  readonly gaps: readonly number[]
  /** Another server's word, or this one's: how it ended. */
  readonly end: string | undefined
}

/** What one server tells of a run after an event, as a client hears it that knows nothing of this package; until `enough`, or its end. */
async function heard(url: string, id: string, after: number, enough: (step: number) => boolean = () => false): Promise<Told> {
  const response = await fetch(`${url}/v1/runs/${id}/events`, { headers: { 'last-event-id': String(after) } })
  expect(response.status).toBe(200)
  const [ids, steps, gaps]: [number[], number[], number[]] = [[], [], []]
  let end: string | undefined
  for await (const { id: number, event, data } of readEvents(response.body!, () => undefined)) {
    if (number !== undefined) ids.push(Number(number))
    if (event === 'done' || event === 'error') end = event
    if (event === 'gap') gaps.push((JSON.parse(data) as { missed: number }).missed)
    if (event !== 'step') continue
    const { step } = (JSON.parse(data) as { step: { step: number; image: number } }).step
    steps.push(step)
    if (enough(step)) break
  }
  return { ids, steps, gaps, end }
}

test('a client goes on where its server died', { timeout: 240_000 }, async () => {
  const [a, b] = await Promise.all([serve(), serve(), started('working', 'worker', '--threads', '1', '--snapshot-every', '100')])
  const model = await loadModel(undefined, { threads: 1 })
  const alone = await model.generate(long).result()
  await model.close()

  // One that counts events, and names its run itself.
  const body = JSON.stringify({ task: 'generate', request: { ...long, n: 1, seed: undefined }, options: { id: 'mine' } })
  const begin = (url: string, text = body): Promise<Response> =>
    fetch(`${url}/v1/runs`, { method: 'POST', body: text, headers: { 'content-type': 'application/json' } })
  expect((await begin(a.told['url']!)).status).toBe(202)
  const first = await heard(a.told['url']!, 'mine', 0, (step) => step === 10)
  await fetch(`${a.told['url']!}/v1/runs/mine/pause`, { method: 'POST' })

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

  // The other one asks for its run again, by its name, before and after the server that is left has heard of it.
  const url = b.told['url']!
  for (let times = 0; times < 2; times++) {
    expect((await begin(url)).status).toBe(202)
    expect((await begin(url, body.replace('yellow', 'green'))).status).toBe(409)
  }
  const rest = heard(url, 'mine', first.ids.at(-1)!)
  await fetch(`${url}/v1/runs/mine/continue`, { method: 'POST' })
  const { ids, steps, gaps, end } = await rest
  expect(gaps).toEqual([])
  expect(end).toBe('done')
  expect([...first.steps, ...steps]).toEqual(Array.from({ length: 64 }, (_, i) => i))
  const all = [...first.ids, ...ids]
  expect(all).toEqual([...new Set(all)].sort((x, y) => x - y))
  // A server that has just heard of a run numbers its events as the first one did.
  const again = await heard(url, 'mine', 0)
  expect(again.ids).toEqual(all)
  // Those of the stream.
  const client = redis.client()
  const stream = await client.xrange(new Keys('default').run(jobOf('mine', undefined)).events, '-', '+')
  client.disconnect()
  const numbers = stream.flatMap(([id, fields]) => (fields[1] === 'step' ? [Number(id.split('-')[0])] : []))
  expect(all.slice(0, -1)).toEqual(numbers) // the last one is the end
})

test('a client that comes to another server too late for what is kept is told how much it missed', { timeout: 240_000 }, async () => {
  const [a, b] = await Promise.all([serve(), serve(), started('working', 'worker', '--threads', '1')])
  // More steps than are kept: 512 of these.
  const body = JSON.stringify({ task: 'generate', request: { ...long, n: 16 }, options: { id: 'late' }, detach: true })
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${a.told['url']!}/v1/runs`, { method: 'POST', body, headers })).status).toBe(202)
  const first = await heard(a.told['url']!, 'late', 0, (step) => step === 2)
  const last = first.ids.at(-1)!
  const client = redis.client()
  const { events } = new Keys('default').run(jobOf('late', undefined))
  const oldest = async (): Promise<number> => Number((await client.xrange(events, '-', '+', 'COUNT', 1))[0]![0].split('-')[0])
  for (const end = Date.now() + 120_000; (await oldest()) < last + 100; await new Promise((resolve) => setTimeout(resolve, 100)))
    expect(Date.now()).toBeLessThan(end)
  client.disconnect()
  const { ids, gaps, end } = await heard(b.told['url']!, 'late', last)
  expect(end).toBe('done')
  // Once, and all that lies between.
  expect(gaps).toEqual([ids[0]! - last - 1])
  expect(gaps[0]).toBeGreaterThan(99)
})

test('a run whose cells were masked again goes on at the other server where its own is told to end', { timeout: 120_000 }, async () => {
  const [a, b] = await Promise.all([serve(), serve(), started('working', 'worker', '--threads', '1')])
  const run = connect([a.told['url']!, b.told['url']!]).generate({ ...long, n: 1, steps: 400 }, { delivery: 'all' })
  let orders = 0
  for await (const { step } of run) {
    if (step < 5 || orders++ > 0) continue
    void run.remask([{ left: 0, top: 0, width: 16, height: 16 }]).then(() => a.child.kill('SIGTERM'))
  }
  expect((await run.result()).remasked).toMatchObject([{ image: 0 }])
  expect(a.child.exitCode ?? (await new Promise((resolve) => a.child.once('exit', resolve)))).toBe(0)
})

test(
  'a server that falls silent while its reader waits for an order: the order is followed by way of the other one',
  { timeout: 120_000 },
  async () => {
    const [a, b] = await Promise.all([serve(), serve(), started('working', 'worker', '--threads', '1')])
    const run = connect([a.told['url']!, b.told['url']!], { patienceMs: 2000 }).generate({ ...long, n: 1, steps: 400 }, { delivery: 'all' })
    const seen: number[] = []
    let waited = 0
    for await (const { step } of run) {
      seen.push(step)
      if (step !== 5) continue
      await run.pause() // so that it is not over meanwhile
      a.child.kill('SIGSTOP') // its sockets stay open, and nothing comes
      const from = performance.now()
      await run.remask([{ left: 0, top: 0, width: 16, height: 16 }])
      waited = performance.now() - from
      await run.continue()
    }
    expect(waited).toBeLessThan(30_000)
    expect(seen).toEqual(Array.from(seen.keys()))
    expect((await run.result()).remasked).toHaveLength(1)
  },
)
