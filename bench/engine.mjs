// What the engine gains and costs, each as a ratio in one run: node bench/engine.mjs <0.5b model>. Random weights of the shape
// `0.5b` (`dimoo synth 0.5b -o x.gguf`); prints one JSON object. Pictures are never decoded to pixels: a run is left after its last step.
// ML-Cache is measured over 16 steps, of which 7 compute everything (of 64: 28, the same share), prefix reuse over one block of 32 tokens
// (128 tokens are four such blocks).
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const { loadModel } = await import(path.join(root, 'dist/index.js'))
const file = process.argv[2]
const threads = 2
const model = await loadModel(file, { threads, device: 'cpu' })
const small = await loadModel(undefined, { threads, device: 'cpu' })

/** Milliseconds from the start until every run has taken its last step. */
async function decode(runs) {
  const start = performance.now()
  await Promise.all(
    runs().map(async (run) => {
      for await (const step of run) if (step.step === step.steps - 1 || step.masked === 0) break
    }),
  )
  return performance.now() - start
}

const picture = (on, side, steps, options = {}) =>
  on.generate({ prompt: 'a red circle', width: side, height: side, steps, guidance: 4, temperature: 1, seed: 1, ...options })
const sixteen = (make) => () => Array.from({ length: 16 }, make)

/** Interleaved repetitions of two ways; the median of their ratios. */
async function ratio(slow, fast, repetitions) {
  await fast()
  const ratios = []
  for (let i = 0; i < repetitions; i++) {
    const a = await slow()
    ratios.push(a / (await fast()))
  }
  return Number(ratios.sort((x, y) => x - y)[Math.floor(repetitions / 2)].toFixed(3))
}

async function sequence(make) {
  let sum = 0
  for (const run of make) sum += await decode(() => [run()])
  return sum
}

async function concurrency(on, side, steps, repetitions) {
  const one = () => picture(on, side, steps)
  return ratio(
    () => sequence(Array.from({ length: 16 }, () => one)),
    () => decode(sixteen(one)),
    repetitions,
  )
}

/** The share of a run's time that is not spent in the network, and milliseconds of it per step. */
async function overhead(on, side, steps) {
  await decode(() => [picture(on, side, 2)])
  const before = await on.stats()
  const ms = await decode(() => [picture(on, side, steps)])
  const spent = (await on.stats()).forwardMs - before.forwardMs
  return { share: Number((1 - spent / ms).toFixed(4)), msPerStep: Number(((ms - spent) / steps).toFixed(3)) }
}

const noise = Uint8Array.from({ length: 512 * 512 * 3 }, (_, i) => (i * 2654435761) >>> 24)
const image = { data: noise, width: 512, height: 512, channels: 3 }
function answer(reuse) {
  const question = { prompt: 'What is this?', images: [image], imageArea: 512, length: 32, block: 32, steps: 32, temperature: 0, seed: 1 }
  return model.ask({ ...question, reuse })
}
/** Milliseconds of decoding, without reading the picture. */
async function answered(reuse) {
  const run = answer(reuse)
  const { timings, usage } = await run.result()
  return { ms: timings.decodeMs / usage.steps, steps: usage.steps }
}

const results = {}
const note = (name, value) => {
  results[name] = value
  console.error(name, JSON.stringify(value))
}
note('sixteenTogetherOver64Cells', await concurrency(model, 128, 3, 1))
note('sixteenTogetherOver256Cells', await concurrency(model, 256, 2, 1))
note('sixteenTogetherMiniature', await concurrency(small, 64, 24, 5))
note(
  'guidanceInOneBatch',
  await ratio(
    async () => 2 * (await decode(() => [picture(model, 256, 3, { guidance: 0 })])),
    () => decode(() => [picture(model, 256, 3)]),
    5,
  ),
)
note('overhead05b', await overhead(model, 512, 4))
note('overheadMiniature', await overhead(small, 64, 24))
note(
  'mlCacheOver1024Cells',
  await ratio(
    () => decode(() => [picture(model, 512, 16)]),
    () => decode(() => [picture(model, 512, 16, { cache: true })]),
    1,
  ),
)
const [exact, prefix] = [await answered('none'), await answered('prefix')] // the picture is read again, outside the time
note('prefixReuse', Number(((exact.ms * exact.steps) / (prefix.ms * prefix.steps)).toFixed(2)))
results.steps = { exact: exact.steps, prefix: prefix.steps }
await Promise.all([model.close(), small.close()])
console.log(JSON.stringify(results))
