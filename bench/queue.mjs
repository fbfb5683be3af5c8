// Workers that die, hang and come back, a Redis that is away, a disk that is full: every run must end once, with the bits of one alone.
//   node bench/queue.mjs [--jobs 2000] [--workers 4] [--kill 1000] [--stop 40000] [--away 10000] [--limit 900] [--out FILE]
// --kill: milliseconds between SIGKILLs of a random worker, of those that have computed --passes (4) of the model: on a machine that is busy with
// other things workers would do nothing but start, and five of them in a row end a run; --stop: how long one worker is held by SIGSTOP; --away: how long Redis is down;
// --at-once: runs that wait for their end at a time; --limit: seconds for all of it. Needs redis-server. Writes bench/results/queue.json; ends with 1 where something does not hold.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os, { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis as Client } from 'ioredis'
import { loadModel } from '../dist/index.js'
import { createQueue } from '../dist/queue/index.js'
import { commit, machine, median, root } from './driver.mjs'
import { Crew, Redis } from './queue/crew.mjs'
import { Ends, Lives, Memory } from './queue/watch.mjs'

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '2000' },
    workers: { type: 'string', default: '4' },
    kill: { type: 'string', default: '1000' },
    stop: { type: 'string', default: '40000' },
    away: { type: 'string', default: '10000' },
    limit: { type: 'string', default: '900' },
    passes: { type: 'string', default: '4' },
    'at-once': { type: 'string', default: '128' },
    out: { type: 'string', default: path.join(root, 'bench/results/queue.json') },
  },
})
const number = (name) => Number(values[name])
const jobs = number('jobs')
const SNAPSHOT_EVERY_MS = 500
/** Beyond a snapshot's age and a step: what it takes to write it down, on a machine that is busy. */
const WRITING_MS = 500
const CANCELS = 5
/** One run of so many is cancelled on its way. */
const CANCEL_EACH = 25
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-storm-'))
const store = path.join(folder, 'store')
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

const redis = await Redis.start(folder)
const client = new Client({ host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null }).on('error', () => undefined)
const kinds = await aloneFirst()
const crew = new Crew(number('workers'), { url: redis.url, store, snapshotEveryMs: SNAPSHOT_EVERY_MS })
const full = spawn(process.execPath, [path.join(root, 'bench/queue/full-disk.mjs'), redis.url, store], { stdio: 'ignore' })
const queue = await createQueue({ connection: redis.url, store, maxQueue: 1_000_000, resultTtlMs: 30_000, logger: quiet })
// Nobody is left behind, however this ends.
process.on('exit', () => {
  full.kill('SIGKILL')
  crew.end()
  redis.end()
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
await firstWorker()

const [lives, ends, memory] = [new Lives(), new Ends(client), new Memory(client)]
const loads = [os.loadavg()[0]]
const begun = performance.now()
let over = false
let zombieJobs
const report = { jobs, ended: 0, wrong: 0, cancelled: 0, failed: [] }
const storm = [killing(), holding(), leaving()]
let next = 0
const all = Promise.all(Array.from({ length: Math.min(jobs, number('at-once')) }, load))
await Promise.race([all, sleep(number('limit') * 1000)])
over = true // what goes on now may end in peace
const seconds = (performance.now() - begun) / 1000
await Promise.all(storm)
loads.push(os.loadavg()[0])
const left = await emptied()
await Promise.race([all, sleep(10_000)]) // their callers hear of it
const cancelMs = []
if (left === 0) for (let i = 0; i < CANCELS; i++) cancelMs.push(await cancelled(i))
await ends.stop()

const counted = [...ends.of.entries()].filter(([job]) => job.startsWith('r-job-'))
const twice = lives.twice(SNAPSHOT_EVERY_MS, redis.away)
Object.assign(report, {
  jobs: next,
  endedTwice: counted.filter(([, found]) => found.length > 1).length,
  left,
  kills: crew.kills,
  passesBeforeOne: number('passes'),
  stalls: ends.stalls,
  zombie: { heldMs: number('stop'), jobs: zombieJobs },
  redisAwayMs: number('away'),
  snapshotEveryMs: SNAPSHOT_EVERY_MS,
  twice,
  cancelMs: cancelMs.map(Math.round),
  memory: memory.stop(),
  seconds: Number(seconds.toFixed(1)),
  workerStartMs: Math.round(median(crew.startMs)),
  load: loads.map((one) => Number(one.toFixed(1))),
  machine: machine(),
  commit: commit(),
  date: new Date().toISOString().slice(0, 10),
})
report.checks = {
  everyRunEnds: report.ended + report.cancelled === next && report.failed.length === 0 && left === 0,
  once: report.endedTwice === 0,
  sameBits: report.wrong === 0,
  littleTwice: !(twice.worstOverMs > WRITING_MS),
  cancelledWithin2s: cancelMs.length === CANCELS && Math.max(...cancelMs) < 2000,
  memoryFlat: report.memory.flat,
}
report.holds = Object.values(report.checks).every(Boolean)
await queue.close()
client.disconnect()
rmSync(folder, { recursive: true, force: true })
writeFileSync(values.out, `${JSON.stringify(report, undefined, 2)}\n`)
console.log(JSON.stringify(report))
process.exit(report.holds ? 0 : 1)

/** Pictures and answers, short and long, asked for again and again: what each is when nothing happens. */
async function aloneFirst() {
  const model = await loadModel(undefined, { threads: 1 })
  const drawn = await model.generate({ prompt: 'a red circle', seed: 3, steps: 8 }).result()
  const mask = { left: 0, top: 0, width: 24, height: 64 }
  const asked = [
    ['generate', { prompt: 'a red circle', steps: 12, seed: 1 }],
    ['generate', { prompt: 'a large yellow star on a black background', steps: 24, n: 2, seed: 7 }],
    ['ask', { prompt: 'What color is the circle?', images: [drawn], length: 16, steps: 16, seed: 6 }],
    ['generate', { prompt: 'a blue square', steps: 48, seed: 4, cache: { ratio: 0.5 } }],
    ['edit', { prompt: 'Make the background black.', image: drawn, steps: 12, seed: 2 }],
    ['inpaint', { prompt: 'a star', image: drawn, mask, composite: { feather: 2 }, steps: 12, seed: 5 }],
    ['chat', { messages: [{ role: 'user', content: 'There is a red circle. What color is it?' }], length: 16, steps: 8, seed: 8 }],
  ]
  const found = []
  for (const [task, request] of asked) found.push({ task, request, alone: essence(await model.run(task, request).result()) })
  await model.close()
  return found
}

function essence(result) {
  if (!('images' in result)) return result.text
  return result.images.map(({ tokens, image }) => Buffer.concat([Buffer.from(tokens.buffer), image.data]).toString('base64')).join()
}

// On a busy machine a worker takes its time to load.
async function firstWorker() {
  for (let tries = 0; tries < 20; tries++) if (await queue.info().catch(() => undefined)) return
  throw new Error('expected a worker to come up')
}

// On a fast machine all could be over before the storm is: as many more as it takes until the stopped worker is back.
function isStormy() {
  return number('stop') > 0 && zombieJobs === undefined
}

async function load() {
  while ((next < jobs || isStormy()) && !over) {
    const i = next++
    const { task, request, alone } = kinds[i % kinds.length]
    const id = `job-${i}`
    const isUnwanted = i % CANCEL_EACH === CANCEL_EACH - 1
    try {
      const run = queue.run(task, request, { id, delivery: 'all' })
      const result = run.result()
      result.catch(() => undefined)
      for await (const step of run) {
        if ((step.image ?? 0) === 0) lives.step(id, step)
        if (isUnwanted) run.abort()
      }
      if (essence(await result) !== alone) report.wrong++
      report.ended++
    } catch (error) {
      if (isUnwanted && error.name === 'AbortError') report.cancelled++
      else report.failed.push(`${id}: ${error.code} ${error.message}`)
    }
  }
}

async function killing() {
  while (!over) {
    await sleep(number('kill'))
    const { workers } = await queue.stats().catch(() => ({ workers: [] }))
    const tired = workers.filter(({ scheduler }) => scheduler?.forwardPasses >= number('passes')).map(({ id }) => id)
    if (!over) crew.kill(tired)
  }
}

async function holding() {
  if (number('stop') === 0) return
  await sleep(5000)
  if (!over)
    zombieJobs = await crew.hold(
      number('stop'),
      () => queue.stats(),
      () => over,
    )
}

async function leaving() {
  if (number('away') === 0) return
  await sleep(9000)
  if (!over) await redis.leave(number('away'))
}

/** Runs that were cancelled while their worker died end too, once another one has them. Returns how many do not. */
async function emptied() {
  for (let until = performance.now() + 60_000; performance.now() < until; await sleep(250)) {
    const { running, queued } = await queue.stats()
    if (running + queued === 0) return 0
  }
  const { running, queued } = await queue.stats()
  return running + queued
}

/** From the word of its caller to its end in the queue. */
async function cancelled(i) {
  const run = queue.generate({ prompt: 'x', steps: 4000, n: 8, seed: 1 }, { id: `cancelled-${i}` })
  run.result().catch(() => undefined)
  await run[Symbol.asyncIterator]().next() // it has begun
  const from = performance.now()
  run.abort()
  while ((await client.hget(`{dimoo}:default:r-cancelled-${i}`, 'finishedOn')) === null && performance.now() - from < 10_000)
    await sleep(10)
  return performance.now() - from
}
