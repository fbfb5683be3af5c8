// Peak memory of a run on a large model against what was planned, and how soon a large file is ready:
//   node bench/memory.mjs <model.gguf of 1 GB or more> [size 256] [steps 2] [precision fast|f32]
// Prints one JSON object. Peak is the kernel's high-water mark of resident memory, less what the process had before loading;
// expected is the plan plus the mapped weights that a picture touches (all but unused rows of embedding and head, and the VQ's encoder).
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { inspectModel, loadModel, planMemory } from '../dist/index.js'

const [source, size = '256', steps = '2', precision = 'fast'] = process.argv.slice(2)
if (!source) throw new Error('usage: node bench/memory.mjs <model.gguf> [size] [steps] [fast|f32]')
const side = Number(size)

/** kB lines of /proc/self/status, in bytes. */
function status(key) {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
}

const report = await inspectModel(source)
const untouched = report.tensors.filter(({ name }) => /^(token_embd|output)\.weight$|^vq\.(encoder|quant_conv)\./.test(name))
await loadModel(source).then((model) => model.close()) // the page cache holds the headers now
const before = status('VmRSS')
const start = performance.now()
const model = await loadModel(source, { precision })
const readyMs = performance.now() - start
const guidance = 1
const plan = await planMemory(source, [{ task: 'generate', request: { prompt: 'a red circle', width: side, height: side, guidance } }], {
  precision,
})
const info = await model.info()
const rows = info.hyper.dModel
const codes = (report.tensors.find(({ name }) => name === 'output.weight')?.bytes ?? 0) * (info.codebookSize / info.hyper.vocab)
const touched = report.bytes - untouched.reduce((sum, { bytes }) => sum + bytes, 0) + codes
const result = await model
  .generate({ prompt: 'a red circle', width: side, height: side, steps: Number(steps), guidance, seed: 1 }, { delivery: 'none' })
  .result()
const peak = status('VmHWM') - before
const working = plan.totalBytes - plan.weightsBytes
console.log(
  JSON.stringify({
    model: source.split('/').at(-1),
    modelBytes: report.bytes,
    width: rows,
    size: side,
    steps: Number(steps),
    precision,
    readyMs: Math.round(readyMs),
    secondsPerStep: Number((result.timings.decodeMs / 1000 / Number(steps)).toFixed(3)),
    vqSeconds: Number((result.timings.vqMs / 1000).toFixed(3)),
    peakBytes: peak,
    touchedWeightBytes: Math.round(touched),
    planBytes: working,
    plan,
    ratio: Number((peak / (touched + working)).toFixed(3)),
  }),
)
await model.close()
