// Workers that die, hang and come back, a Redis that is away, a disk that is full: every run must end once, with the bits of one alone.
//   node bench/queue.mjs [--jobs 2000] [--workers 4] [--kill 1000] [--stop 40000] [--away 10000] [--limit 900] [--out FILE]
// --kill: milliseconds between SIGKILLs of a random worker; --stop: how long one worker is held by SIGSTOP; --away: how long Redis is down;
// --limit: seconds for all of it. Needs redis-server. Writes bench/results/queue.json; ends with 1 where something does not hold.
import { spawn } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { clearInterval, setInterval } from 'node:timers'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { loadModel } from '../dist/index.js'
import { createQueue } from '../dist/queue/index.js'
import { commit, machine, median, root } from './driver.mjs'

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '4' },
    kill: { type: 'string', default: '1000' },
    stop: { type: 'string', default: '40000' },
    away: { type: 'string', default: '10000' },
    limit: { type: 'string', default: '900' },
    out: { type: 'string', default: path.join(root, 'bench/results/queue.json') },
  },
})
const [jobs, workers, killMs, stopMs, awayMs, limitS] = ['jobs', 'workers', 'kill', 'stop', 'away', 'limit'].map((name) =>
  Number(values[name]),
)
const SNAPSHOT_EVERY_MS = 500
const CLI = path.join(root, 'dist/cli/main.js')
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-storm-'))
const store = path.join(folder, 'store')
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const started = performance.now()
const since = () => Math.round(performance.now() - started)
const events = [] // what was done to them, and when

const port = await freePort()
const url = `redis://127.0.0.1:${port}`
let server = await startRedis()
const client = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null }).on('error', () => undefined)
const model = await loadModel(undefined, { threads: 1 })

// Pictures and answers, short and long; a dozen different ones, each asked for often.
const drawn = await model.generate({ prompt: 'a red circle', seed: 3, steps: 8 }).result()
const kinds = [
  ['generate', { prompt: 'a red circle', steps: 16, seed: 1 }],
  ['generate', { prompt: 'a large yellow star on a black background', steps: 32, n: 2, seed: 7 }],
  ['generate', { prompt: 'a blue square', steps: 64, seed: 4, cache: { ratio: 0.5 } }],
  ['edit', { prompt: 'Make the background black.', image: drawn, steps: 16, seed: 2 }],
  [
    'inpaint',
    { prompt: 'a star', image: drawn, mask: { left: 0, top: 0, width: 24, height: 64 }, composite: { feather: 2 }, steps: 16, seed: 5 },
  ],
  ['ask', { prompt: 'What color is the circle?', images: [drawn], length: 32, steps: 32, seed: 6 }],
  ['chat', { messages: [{ role: 'user', content: 'There is a red circle. What color is it?' }], length: 32, steps: 16, seed: 8 }],
]
const essence = (result) =>
  'images' in result
    ? result.images.map(({ tokens, image }) => Buffer.concat([Buffer.from(tokens.buffer), image.data]).toString('base64')).join()
    : result.text
const alone = []
for (const [task, request] of kinds) alone.push(essence(await model.run(task, request).result()))
await model.close()

const crew = new Map()
for (let i = 0; i < workers; i++) hire(i)
const full = spawn(process.execPath, [path.join(root, 'bench/queue-full-disk.mjs'), url, store], { stdio: 'ignore' })
const queue = await createQueue({ connection: url, store, maxQueue: 1_000_000, resultTtlMs: 30_000, logger: quiet })
await firstWorker()

const resumes = new Map()
subscribe('dimoo:run:resumed', ({ id, step }) => resumes.set(id, [...(resumes.get(id) ?? []), { step, at: performance.now() }]))

const memory = []
const sampling = setInterval(() => {
  client.info('memory').then(
    (text) => memory.push(Number(/used_memory:(\d+)/.exec(text)[1])),
    () => undefined,
  )
}, 1000)

let over = false
const storm = [killing(), holding(), leaving()]
const report = { jobs, ended: 0, wrong: 0, failed: [], twice: 0, resumed: 0, stepsTwice: 0, worstMs: 0 }
let next = 0
await Promise.race([Promise.all(Array.from({ length: Math.min(jobs, 48) }, load)), sleep(limitS * 1000)])
over = true
await Promise.all(storm)
report.cancelMs = await cancelled()
clearInterval(sampling)
await sleep(500)
Object.assign(report, {
  twice: await endedTwice(),
  memory: memoryOf(memory),
  events,
  seconds: since() / 1000,
  machine: machine(),
  commit: commit(),
})
report.holds =
  report.ended === jobs &&
  report.wrong === 0 &&
  report.failed.length === 0 &&
  report.twice === 0 &&
  report.cancelMs < 2000 &&
  report.memory.flat
await queue.close()
full.kill('SIGKILL')
for (const { child } of crew.values()) child.kill('SIGKILL')
client.disconnect()
server.kill('SIGKILL')
rmSync(folder, { recursive: true, force: true })
writeFileSync(values.out, `${JSON.stringify(report, undefined, 2)}\n`)
console.log(JSON.stringify(report))
process.exit(report.holds ? 0 : 1)

// On a busy machine a worker takes its time to load.
async function firstWorker() {
  for (let tries = 0; tries < 20; tries++) if (await queue.info().catch(() => undefined)) return
  throw new Error('expected a worker to come up')
}

async function load() {
  while (next < jobs) {
    const i = next++
    const [task, request] = kinds[i % kinds.length]
    const id = `job-${i}`
    const at = [] // when each step of the first picture was seen
    try {
      const run = queue.run(task, request, { id, delivery: 'all' })
      for await (const step of run) if ((step.image ?? 0) === 0) at[step.step] = performance.now()
      if (essence(await run.result()) !== alone[i % kinds.length]) report.wrong++
      report.ended++
      for (const one of resumes.get(id) ?? []) countTwice(at, one)
    } catch (error) {
      report.failed.push(`${id}: ${error.code} ${error.message}`)
    }
  }
}

// What was told before a worker took over from step `step`, and computed again: no longer than a snapshot is old, and a step.
function countTwice(at, { step, at: when }) {
  report.resumed++
  const told = at.filter((time, i) => i >= step && time < when)
  report.stepsTwice += told.length
  if (told.length === 0 || step === 0) return
  const longest = Math.max(
    ...at
      .slice(1)
      .map((time, i) => time - at[i])
      .filter((ms) => ms < when),
  )
  report.worstMs = Math.max(report.worstMs, Math.round(told.at(-1) - at[step - 1] - longest))
}

async function killing() {
  while (!over) {
    await sleep(killMs)
    const ready = [...crew.values()].filter(({ ready, held }) => ready && !held)
    if (over || ready.length === 0) continue
    const { number, child } = ready[Math.floor(Math.random() * ready.length)]
    child.kill('SIGKILL')
    events.push({ at: since(), what: 'kill', worker: number })
    hire(number)
  }
}

async function holding() {
  if (stopMs === 0) return
  await sleep(5000)
  const one = [...crew.values()].find(({ ready }) => ready)
  if (!one || over) return
  one.held = true
  one.child.kill('SIGSTOP')
  events.push({ at: since(), what: 'stop', worker: one.number })
  await sleep(stopMs)
  one.child.kill('SIGCONT')
  events.push({ at: since(), what: 'continue', worker: one.number })
  await sleep(3000)
  one.held = false
}

async function leaving() {
  if (awayMs === 0) return
  await sleep(8000)
  if (over) return
  const gone = once(server, 'exit')
  server.kill('SIGTERM')
  await gone
  events.push({ at: since(), what: 'redis away' })
  await sleep(awayMs)
  server = await startRedis()
  events.push({ at: since(), what: 'redis back' })
}

async function cancelled() {
  const run = queue.generate({ prompt: 'x', steps: 4000, n: 4, seed: 1 })
  await run[Symbol.asyncIterator]().next() // it has begun
  run.abort()
  run.result().catch(() => undefined)
  const begun = performance.now()
  while ((await queue.stats()).running > 0 && performance.now() - begun < 10_000) await sleep(20)
  return Math.round(performance.now() - begun)
}

async function endedTwice() {
  const count = new Map()
  for (const [, fields] of await client.xrange('{dimoo}:default:events', '-', '+')) {
    const of = (name) => fields[fields.indexOf(name) + 1]
    if (['completed', 'failed'].includes(of('event'))) count.set(of('jobId'), (count.get(of('jobId')) ?? 0) + 1)
  }
  return [...count.values()].filter((times) => times > 1).length
}

function memoryOf(samples) {
  const part = (from, to) => median(samples.slice(Math.floor(samples.length * from), Math.max(1, Math.ceil(samples.length * to))))
  const [early, late] = [part(0.25, 0.5), part(0.75, 1)]
  return { early, late, most: Math.max(...samples), flat: late < early * 1.5 + 16 * 2 ** 20 }
}

function hire(number) {
  const args = [CLI, 'worker', '--redis', url, '--store', store, '--threads', '1', '--snapshot-every', String(SNAPSHOT_EVERY_MS), '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const member = { number, child, ready: false, held: false }
  child.stdout.once('data', () => (member.ready = true))
  crew.set(number, member)
}

async function startRedis() {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', '']
  return spawn('redis-server', args, { stdio: 'ignore' })
}

async function freePort() {
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port: free } = listening.address()
  listening.close()
  await once(listening, 'close')
  return free
}
