// `dimoo serve` with the miniature under load on loopback: node bench/serve.mjs [--seconds 60] [--clients 200] [--soak 600] [--pictures 96]
// Mixed tasks, a third of the clients leaving at random. Looks at the answers, at the event loop beside a process that only keeps time, at
// memory over `--soak` seconds, at the processor time of a picture with and without HTTP, and at every finished picture against the same
// decoded alone. Prints one JSON object and writes bench/results/serve.json.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { commit, machine, median, options, root } from './driver.mjs'
import { Clients, REQUESTS } from './serve/clients.mjs'

const asked = options({ seconds: '60', clients: '200', soak: '600', pictures: '96', output: 'bench/results/serve.json' })
const [seconds, clients, soak, pictures] = ['seconds', 'clients', 'soak', 'pictures'].map((name) => Number(asked[name]))

/** The same numbers every time (mulberry32). */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const FLAGS = ['--port', '0', '--max-queue', '128', '--threads', '2', '--device', 'cpu']

/** A process, and what asks it. */
function watched(child) {
  const tell = async (message) => {
    child.send(message)
    return (await once(child, 'message'))[0]
  }
  return { tell, report: (more = {}) => tell(more), end: () => child.kill() }
}

async function host(kind) {
  const child = fork(path.join(root, 'bench/serve/host.mjs'), [kind])
  await once(child, 'message')
  return watched(child)
}

/** The command, as anybody starts it. */
async function dimooServe() {
  const child = fork(path.join(root, 'dist/cli/main.js'), ['serve', ...FLAGS], {
    execArgv: ['--import', path.join(root, 'bench/serve/probe.mjs')],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  for await (const line of createInterface({ input: child.stderr })) {
    const [url] = /http:\S+/.exec(line) ?? []
    if (!url) continue
    child.stderr.resume()
    return { ...watched(child), url }
  }
  throw new Error('dimoo serve ended before it listened')
}

const round = (value, digits = 2) => Number(value.toFixed(digits))
const results = { machine: machine(2), commit: commit(), date: new Date().toISOString().slice(0, 10), node: process.versions.node }
results.noisy = results.machine.loadAverageBefore > 3 // beside other work: ratios hold about, delays say nothing
const [local, timer] = [await host('local'), await host('timer')]

// What each request gives by itself.
const { files: alone } = await local.tell({ draw: { requests: REQUESTS, together: 1 } })
const picture = Buffer.from(alone[0], 'base64')

/** Clients against a server for a while; memory is looked at each second. */
async function load(server, forSeconds, seed) {
  await server.report({ reset: true })
  await timer.report({ reset: true })
  const crowd = new Clients(server.url, picture, randomFrom(seed))
  const until = performance.now() + forSeconds * 1000
  const memory = []
  const running = crowd.run(clients, until)
  while (performance.now() < until) {
    await sleep(1000)
    memory.push((await server.report()).rss / 2 ** 20)
  }
  const [served, kept] = [await server.report(), await timer.report()]
  await running
  const different = [...crowd.files].filter(([at, files]) => files.size > 1 || !files.has(alone[at])).length
  const third = Math.floor(memory.length / 3)
  return {
    seconds: forSeconds,
    clients,
    statuses: crowd.statuses,
    finished: crowd.finished,
    left: crowd.left,
    eventLoop: {
      serverP99Ms: round(served.delayMs.p99),
      timerP99Ms: round(kept.delayMs.p99),
      aboveMs: round(served.delayMs.p99 - kept.delayMs.p99),
    },
    pictures: { compared: [...crowd.files.values()].reduce((sum, files) => sum + files.size, 0), requests: crowd.files.size, different },
    memoryMiB: { first: round(median(memory.slice(0, third)), 1), last: round(median(memory.slice(-third)), 1) },
    memoryGrowth: round(median(memory.slice(-third)) / median(memory.slice(0, third)), 3),
  }
}

/** Processor time a picture, over HTTP and without, in turns. */
async function cost(server) {
  const requests = Array.from({ length: pictures }, (_, i) => ({ ...REQUESTS[i % REQUESTS.length], steps: 24 }))
  const together = 8
  const [over, without] = [[], []]
  for (let turn = 0; turn < 5; turn++) {
    await server.report()
    let next = 0
    const client = async () => {
      while (next < requests.length) {
        const body = JSON.stringify(requests[next++])
        const headers = { 'content-type': 'application/json' }
        await (await fetch(`${server.url}/v1/images/generations`, { method: 'POST', headers, body })).json()
      }
    }
    await Promise.all(Array.from({ length: together }, client))
    over.push((await server.report()).cpuMs / pictures)
    await local.report()
    await local.tell({ draw: { requests, together } })
    without.push((await local.report()).cpuMs / pictures)
  }
  return { httpMs: round(median(over)), localMs: round(median(without)), ratio: round(median(over) / median(without), 3) }
}

const server = await dimooServe()
results.cpuAPicture = await cost(server)
results.load = await load(server, seconds, 1)
if (soak > 0) results.soak = await load(server, soak, 2)
for (const one of [server, local, timer]) one.end()
const good = (one) => Object.keys(one.statuses).every((status) => ['200', '202', '429'].includes(status)) && one.pictures.different === 0
results.holds = {
  answers: good(results.load) && (!results.soak || good(results.soak)),
  eventLoop: results.load.eventLoop.aboveMs <= 10,
  cpu: results.cpuAPicture.ratio <= 1.15,
  ...(results.soak && { memory: results.soak.memoryGrowth <= 1.05 }),
}
writeFileSync(path.resolve(root, asked.output), `${JSON.stringify(results, null, 2)}\n`)
console.log(JSON.stringify(results, null, 2))
process.exit(0)
