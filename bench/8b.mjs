// The released model's shape on this machine: a random `synth 8b` file loads and takes a few guided steps of one picture.
//   node bench/8b.mjs [--model 8b.gguf] [--type q4_k] [--size 256] [--steps 4] [--threads 2] [--output bench/results/8b.json]
// Without --model the file (5 GB in q4_k) is made in a temporary folder, which takes minutes, and removed at the end. The first step
// also packs the weights; peak memory is the process' high-water mark, mapped weights included.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inspectModel, loadModel, planMemory } from '../dist/index.js'
import { commit, machine, median, options, root } from './driver.mjs'

const given = options({
  model: undefined,
  type: 'q4_k',
  size: '256',
  steps: '4',
  threads: '2',
  output: path.join(root, 'bench/results/8b.json'),
})
const folder = given.model === undefined ? mkdtempSync(path.join(os.tmpdir(), 'dimoo-8b-')) : undefined
const file = given.model ?? path.join(folder, '8b.gguf')
const [side, steps, threads] = [given.size, given.steps, given.threads].map(Number)

/** A line of kB in a file of /proc, in bytes. */
function kilobytes(name, key) {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(name, 'utf8'))[1]) * 1024
}

async function measure() {
  const { tensors } = await inspectModel(file)
  const start = performance.now()
  const model = await loadModel(file, { threads, device: 'cpu' })
  const readySeconds = (performance.now() - start) / 1000
  const plan = await planMemory(file, [{ task: 'generate', request: { prompt: 'a red circle', width: side, height: side } }], {
    device: 'cpu',
  })
  const run = model.generate({ prompt: 'a red circle', width: side, height: side, steps, guidance: 4, temperature: 1, seed: 1 })
  const stepSeconds = []
  let before = performance.now()
  for await (const step of run) {
    stepSeconds.push((performance.now() - before) / 1000)
    before = performance.now()
    if (step.step === 0) console.error(`first step ${stepSeconds[0].toFixed(1)} s`)
  }
  const result = await run.result()
  const { forwardTokens } = result.usage
  const decoding = median(stepSeconds.slice(1))
  await model.close()
  return {
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    fileBytes: statSync(file).size,
    readySeconds,
    rowsPerStep: forwardTokens / steps,
    stepSeconds,
    secondsPerStep: decoding,
    rowsPerSecond: forwardTokens / steps / decoding,
    vqSeconds: result.timings.vqMs / 1000,
    peakBytes: kilobytes('/proc/self/status', 'VmHWM'),
    memoryBytes: kilobytes('/proc/meminfo', 'MemTotal'),
    plan,
  }
}

try {
  if (folder !== undefined)
    execFileSync(process.execPath, ['dist/cli/main.js', 'synth', '8b', '-o', file, '--type', given.type], { cwd: root, stdio: 'inherit' })
  const about = { machine: machine(threads), commit: commit(), date: new Date().toISOString().slice(0, 10), type: given.type, size: side }
  const measured = await measure()
  const loadAverageAfter = os.loadavg()[0]
  const results = { ...about, ...measured, loadAverageAfter, noisy: loadAverageAfter > threads + 1 }
  writeFileSync(given.output, `${JSON.stringify(results, null, 2)}\n`)
  console.log(JSON.stringify(results, null, 2))
} finally {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}
