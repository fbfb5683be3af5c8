// What a user waits for: `dimoo --version`, the first decoding step of the miniature in a fresh process, a large file becoming ready, and how
// long the event loop is ever held during runs.
//   node bench/startup.mjs [large.gguf] [repetitions 7]
// Prints one JSON object; wall-clock medians. `nodeMs` is the same Node printing its own version, the floor of every figure here.
import { spawnSync } from 'node:child_process'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { loadModel } from '../dist/index.js'

const [large, repetitions = '7'] = process.argv.slice(2)
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const index = new URL('../dist/index.js', import.meta.url).href

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
function timed(args) {
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return { ms: performance.now() - start, stdout }
}
const many = (measure) => Number(median(Array.from({ length: Number(repetitions) }, measure)).toFixed(1))

const firstStep = `
  const start = process.hrtime.bigint()
  const { loadModel } = await import('${index}')
  const model = await loadModel()
  for await (const step of model.generate({ prompt: 'a red circle', seed: 1 })) { console.log(performance.now()); break }
  await model.close()`

async function eventLoop() {
  const model = await loadModel()
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await Promise.all(
    Array.from({ length: 8 }, async (_, seed) => {
      for await (const step of model.generate({ prompt: 'a red circle above a blue square', seed }, { delivery: 'all' })) void step
    }),
  )
  histogram.disable()
  await model.close()
  return { p99Ms: Number((histogram.percentile(99) / 1e6).toFixed(2)), maxMs: Number((histogram.max / 1e6).toFixed(2)) }
}

async function ready(source) {
  const times = []
  for (let i = 0; i < Number(repetitions); i++) {
    const start = performance.now()
    const model = await loadModel(source)
    times.push(performance.now() - start)
    await model.close()
  }
  return Number(median(times).toFixed(1))
}

console.log(
  JSON.stringify({
    nodeMs: many(() => timed(['--version']).ms),
    versionMs: many(() => timed([cli, '--version']).ms),
    firstStepMs: many(() => Number(timed(['--input-type=module', '-e', firstStep]).stdout)),
    eventLoop: await eventLoop(),
    ...(large && { large: large.split('/').at(-1), readyMs: await ready(large) }),
    repetitions: Number(repetitions),
  }),
)
