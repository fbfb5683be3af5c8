// The process that soak.mjs watches: runs of all tasks, several at a time, with buffers that are transferred away, aborts, snapshots that are
// gone on with, forged ones, hostile files and models that come and go, while the preloaded library (failing-allocations.c) lets one in so
// many of the addon's allocations fail. Between two such times everything must give the results that it gave before.
//   node --expose-gc child.mjs SECONDS FOLDER WARM_UP_SECONDS       prints one JSON object
import { createHash } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import { DimooError, loadModel } from '../../dist/index.js'
import { random } from '../../test/hostile/forge.mjs'
import { forged } from '../../test/hostile/forged.mjs'

const SECONDS = Number(process.argv[2])
const FOLDER = process.argv[3]
const WARM_UP = Number(process.argv[4])
const PHASE_MS = 15_000
const PATIENCE = 120 // seconds
const TOGETHER = 4
const pick = random(20)
const model = await loadModel(undefined, { threads: 2 })
const counts = {}
const wrong = []
const count = (what) => (counts[what] = (counts[what] ?? 0) + 1)
const fault = (what) => wrong.length < 20 && wrong.push(what)
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const picture = (shade = 200) => ({ data: new Uint8Array(64 * 64 * 3).fill(shade), width: 64, height: 64, channels: 3 })
const mask = { left: 8, top: 8, width: 32, height: 32 }
const small = { prompt: 'a red circle', seed: 5, steps: 6 }
const wordless = { seed: small.seed, steps: small.steps }
const answer = { length: 16, block: 8, steps: 8, seed: 1 }
/** Requests of every task, made anew for every run. */
const REQUESTS = [
  ['generate', () => ({ ...small, width: 64, height: 64 })],
  ['generate', () => ({ ...small, cache: true, n: 2 })],
  ['edit', () => ({ ...small, image: picture() })],
  ['inpaint', () => ({ ...small, image: picture(), mask, composite: { feather: 2 } })],
  ['outpaint', () => ({ ...small, image: picture(), extend: { left: 16 } })],
  ['retouch', () => ({ ...small, from: picture(), region: mask })],
  ['control', () => ({ ...small, image: picture(), control: 'canny' })],
  ['predict', () => ({ ...wordless, image: picture(), map: 'depth' })],
  ['subject', () => ({ ...small, image: picture() })],
  ['style', () => ({ ...wordless, image: picture(), style: picture(90) })],
  ['view', () => ({ ...wordless, image: picture(), view: 'back' })],
  ['ask', () => ({ ...answer, prompt: 'What is red?', images: [picture()] })],
  ['chat', () => ({ ...answer, messages: [{ role: 'user', content: 'What is red?' }], reuse: 'prefix' })],
]

const hash = (...parts) => parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest('hex')
const bytesOf = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
const digest = (result) =>
  'images' in result ? hash(...result.images.flatMap((one) => [bytesOf(one.tokens), one.image.data])) : hash(result.text)

// Patience is counted in beats, which a machine that keeps this process waiting holds back, too.
let beats = 0
setInterval(() => beats++, 1000).unref()

/** What becomes of it: the code of an error of ours, or that it was wrong. */
async function outcome(what, act, allowed) {
  const begin = beats
  let timer
  const late = new Promise((_, reject) => {
    timer = setInterval(() => beats - begin > PATIENCE && reject(new Error(`HANG ${what}`)), 1000)
  })
  try {
    await Promise.race([act(), late])
    count('ok')
  } catch (error) {
    const code = DimooError.is(error) ? error.code : error?.name
    count(code)
    if (!allowed.includes(code)) fault(`${what}: ${code} ${String(error?.message).slice(0, 200)}`)
    if (String(error?.message).startsWith('HANG')) throw error
  } finally {
    clearInterval(timer)
  }
}

const MEMORY = ['device/out-of-memory']

async function whole(i, expected) {
  const [task, make] = REQUESTS[i]
  const request = make()
  const run = model.run(task, request)
  if (pick(3) === 0 && request.image) void globalThis.structuredClone(request.image.data, { transfer: [request.image.data.buffer] })
  const found = digest(await run.result())
  if (expected && found !== expected[i]) fault(`${task}: another result`)
  return found
}

async function aborted(i) {
  const [task, make] = REQUESTS[i]
  const controller = new globalThis.AbortController()
  const run = model.run(task, make(), { delivery: 'all', signal: controller.signal })
  const stop = pick(4)
  for await (const step of run) {
    if (step.step === stop) controller.abort()
    if (step.kind === 'image' && pick(4) === 0) await step.decode({ quality: 'full' })
  }
  await run.result()
}

async function resumed(i, expected) {
  const [task, make] = REQUESTS[i]
  const run = model.run(task, make(), { delivery: 'all' })
  for await (const step of run) {
    if (step.step !== 2) continue
    const bytes = await run.snapshot()
    const next = model.resume(bytes)
    bytes.fill(0)
    if (digest(await next.result()) !== expected[i]) fault(`${task}: resumed to another result`)
    return
  }
}

const names = Object.keys(forged).filter((name) => !/5M|8192|10000|1M/.test(name))
const HOSTILE = ['broken.gguf', 'sparse/config.json', 'fifo.gguf', 'zeros.png']
function files() {
  spawnSync('mkfifo', [path.join(FOLDER, 'fifo.gguf')])
  writeFileSync(path.join(FOLDER, 'broken.gguf'), Buffer.from('GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1'))
  writeFileSync(path.join(FOLDER, 'zeros.png'), Buffer.alloc(1000))
  spawnSync('mkdir', ['-p', path.join(FOLDER, 'sparse')])
  writeFileSync(path.join(FOLDER, 'sparse/config.json'), '')
  truncateSync(path.join(FOLDER, 'sparse/config.json'), 2 ** 40)
}

async function hostile(snapshots) {
  const name = HOSTILE[pick(HOSTILE.length)]
  const file = path.join(FOLDER, name === 'sparse/config.json' ? 'sparse' : name)
  const refused = [
    'request/invalid',
    'model/corrupt',
    'model/unsupported',
    'model/unreadable',
    'model/not-found',
    'image/invalid',
    'run/deadline',
  ]
  if (pick(2)) {
    const snapshot = forged[names[pick(names.length)]](snapshots)
    return outcome('forged', () => model.resume(snapshot, { deadlineMs: 3000 }).result(), [...MEMORY, ...refused])
  }
  const act = name.endsWith('.png') ? () => model.edit({ ...small, image: file }).result() : () => loadModel(file)
  return outcome(name, act, [...MEMORY, ...refused])
}

async function another() {
  const other = await loadModel(undefined, { threads: 2 })
  await other.decodeVq(new Int32Array(16), { width: 4, height: 4 })
  await other.encodeVq(picture())
  await other.close()
}

async function worker(until, expected, snapshots) {
  while (performance.now() < until) {
    const i = pick(REQUESTS.length)
    const kind = pick(10)
    if (kind < 4) await outcome(REQUESTS[i][0], () => whole(i, expected), MEMORY)
    else if (kind < 6) await outcome('aborted', () => aborted(i), [...MEMORY, 'AbortError'])
    else if (kind < 7) await outcome('resumed', () => resumed(i, expected), MEMORY)
    else if (kind < 9) await hostile(snapshots)
    else await outcome('another', another, MEMORY)
  }
}

async function taken(task, request) {
  const run = model.run(task, request, { delivery: 'all' })
  for await (const step of run) if (step.step === 2) return await run.snapshot()
}

files()
const snapshots = {
  inpaint: await taken('inpaint', REQUESTS[3][1]()),
  generate: await taken('generate', { ...small, width: 64, height: 64, cache: true }),
  chat: await taken('chat', REQUESTS[12][1]()),
}
const expected = []
for (let i = 0; i < REQUESTS.length; i++) expected.push(await whole(i))
const mb = (bytes) => Math.round(bytes / 2 ** 20)
/** What the process holds, in MB: all of it, JavaScript's heap, buffers beside that, and what malloc has given out, keeps and has mapped. */
async function held() {
  process.kill(process.pid, 40) // the preloaded library writes it down
  await sleep(100)
  const [mallocUsed, mallocFree, mallocMapped] = readFileSync(process.env.DIMOO_MALLOC_FILE, 'latin1').trim().split(/ +/).map(Number)
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  const all = { rss, heapTotal, heapUsed, external, mallocUsed, mallocFree, mallocMapped }
  return Object.fromEntries(Object.entries(all).map(([name, bytes]) => [name, mb(bytes)]))
}

/** One phase without memory, and what must be as before afterwards. */
async function phase(until, expected, snapshots) {
  process.kill(process.pid, 'SIGUSR2')
  await Promise.all(Array.from({ length: TOGETHER }, () => worker(until, expected, snapshots)))
  process.kill(process.pid, 'SIGUSR2')
  await sleep(50)
  // With all the memory there is, everything is as before.
  await Promise.all(expected.map((_, i) => outcome(REQUESTS[i][0], () => whole(i, expected), [])))
  const { running, queued, paused } = await model.stats()
  if (running + queued + paused > 0) fault(`${running} running, ${queued} queued, ${paused} paused after all have ended`)
  globalThis.gc()
}

const samples = []
const begun = performance.now()
const seconds = () => Math.round((performance.now() - begun) / 1000) - WARM_UP
while (seconds() < SECONDS) {
  const left = (seconds() < 0 ? 0 : SECONDS) - seconds()
  await phase(performance.now() + Math.min(PHASE_MS, left * 1000), expected, snapshots)
  samples.push({ at: seconds(), ...(await held()) })
  process.stderr.write(`${JSON.stringify(samples.at(-1))} ${JSON.stringify(counts)} ${wrong[0] ?? ''}\n`)
}
await model.close()
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const rss = samples.flatMap(({ at, rss }) => (at > 0 ? [rss] : []))
const third = Math.max(1, Math.floor(rss.length / 3))
const [first, last] = [median(rss.slice(0, third)), median(rss.slice(-third))]
console.log(JSON.stringify({ counts, wrong, rssMB: { first, last, growth: Number((last / first - 1).toFixed(4)) }, heldMB: samples }))
process.exit(wrong.length > 0 ? 1 : 0)
