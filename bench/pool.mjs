// What the thread pool costs when nothing is to do, and what models side by side cost each other: node bench/pool.mjs <other model.gguf>
// Processor time of this process (all threads) while a model is loaded and idle, while a reader makes its run wait 100 ms a step, and
// the time that two models take at once over one after the other. The miniature is one of the two. Prints one JSON object and writes
// bench/results/pool.json.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadModel } from '../dist/index.js'
import { commit, machine, median, root } from './driver.mjs'

const [other] = process.argv.slice(2)
const threads = 2
const model = await loadModel(undefined, { threads, device: 'cpu' })
const request = { prompt: 'a red circle', width: 64, height: 64, steps: 8, guidance: 4, temperature: 1, seed: 1 }

/** Milliseconds of processor time and of wall time. */
async function cost(body) {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await body()
  const { user, system } = process.cpuUsage(cpu)
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - start }
}

async function read(on, pause, steps = request.steps) {
  const run = on.generate({ ...request, steps }, { delivery: 'all' })
  for await (const step of run) {
    if (pause > 0) await sleep(pause)
    if (step.step === step.steps - 1 || step.masked === 0) break
  }
}

await read(model, 0)
const idle = await cost(() => sleep(2000))
const [eager, slow] = [[], []]
for (let i = 0; i < 5; i++) {
  eager.push((await cost(() => read(model, 0))).cpuMs)
  slow.push((await cost(() => read(model, 100))).cpuMs)
}
const results = {
  machine: machine(threads),
  commit: commit(),
  date: new Date().toISOString().slice(0, 10),
  idleCpuMsPerSecond: idle.cpuMs / (idle.wallMs / 1000),
  slowReader: { cpuMs: median(slow), eagerCpuMs: median(eager), waitedMs: 100 * request.steps },
}
if (other) {
  results.together = []
  for (const otherThreads of [2, 1]) {
    const second = await loadModel(other, { threads: otherThreads, device: 'cpu' })
    const mine = () => read(model, 0, 24)
    const theirs = () => read(second, 0, 24)
    await Promise.all([mine(), theirs()])
    const ratios = []
    for (let i = 0; i < 5; i++) {
      const apart = await cost(async () => (await mine(), await theirs()))
      const together = await cost(() => Promise.all([mine(), theirs()]))
      ratios.push({ wall: together.wallMs / apart.wallMs, cpu: together.cpuMs / apart.cpuMs })
    }
    const of = (key) => Number(median(ratios.map((ratio) => ratio[key])).toFixed(3))
    results.together.push({ threads: [threads, otherThreads], wallRatio: of('wall'), cpuRatio: of('cpu') })
    await second.close()
  }
}
await model.close()
writeFileSync(path.join(root, 'bench/results/pool.json'), `${JSON.stringify(results, null, 2)}\n`)
console.log(JSON.stringify(results))
