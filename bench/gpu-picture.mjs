// Whole pictures on a GPU through the addon, exactly and with ML-Cache, as a caller would ask for them:
//   node bench/gpu-picture.mjs model.gguf [--device cuda:0] [--size 1024] [--steps 64] [--output folder]
// Prints one JSON object: {device, exactSeconds, mlCacheSeconds, peakBytes, ...}. Seconds are from the request to the pixels; peak memory is
// the most that the device held after any step. Needs dist/, the addon and two small packages, but neither sharp nor a network: a picture
// leaves as raw RGB bytes in `folder`. Without the device it says so and prints {"device": null}.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inspectDevices, loadModel } from '../dist/index.js'
import { options } from './driver.mjs'

const [file, ...flags] = process.argv.slice(2)
if (file === undefined || file.startsWith('-')) {
  console.error('usage: node bench/gpu-picture.mjs model.gguf [--device cuda:0] [--size 1024] [--steps 64] [--output folder]')
  process.exit(2)
}
process.argv.splice(2, process.argv.length, ...flags)
const given = options({ device: 'cuda:0', size: '1024', steps: '64', output: undefined })
const [side, steps] = [Number(given.size), Number(given.steps)]

const device = (await inspectDevices()).find(({ id }) => id === given.device)
if (!device?.usable) {
  console.log(JSON.stringify({ device: null, skipped: `${given.device}: ${device?.reason ?? 'not among the devices'}` }))
  process.exit(0)
}

const loading = performance.now()
const model = await loadModel(file, { device: given.device })
const loadSeconds = (performance.now() - loading) / 1000
let peakBytes = 0

/** Seconds of one picture, the first step's apart. */
async function picture(name, cache) {
  const start = performance.now()
  const run = model.generate({ prompt: 'a red circle', width: side, height: side, steps, guidance: 4, temperature: 1, seed: 1, cache })
  let firstStep
  for await (const { step } of run) {
    if (step === 0) firstStep = (performance.now() - start) / 1000
    peakBytes = Math.max(peakBytes, model.stats().deviceBytesUsed)
  }
  const result = await run.result()
  const seconds = (performance.now() - start) / 1000
  const { width, height, data } = result.images[0].image
  if (given.output !== undefined) {
    mkdirSync(given.output, { recursive: true })
    writeFileSync(path.join(given.output, `${name}-${width}x${height}.rgb`), data)
  }
  return { seconds, firstStep, rows: result.usage.forwardTokens, vqSeconds: result.timings.vqMs / 1000 }
}

await picture('warm-up', false)
const exact = await picture('exact', false)
const cached = await picture('ml-cache', true)
const loaded = { device: device.name, size: side, steps, loadSeconds }
console.log(JSON.stringify({ ...loaded, exactSeconds: exact.seconds, mlCacheSeconds: cached.seconds, peakBytes, exact, cached }))
await model.close()
