// Two built checkouts against each other, in turns: node bench/commits.mjs OLD NEW [rounds 7] [model.gguf]. What bench/engine.mjs and
// bench/startup.mjs measure, as milliseconds of the clock and of the processors; the latter say something on a machine that is not quiet, too.
// Prints one JSON object: per figure the medians of both and the median of new over old of a round, kept as bench/results/commits.json.
import { spawnSync } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const self = fileURLToPath(import.meta.url)

async function measure(root, file) {
  const { loadModel } = await import(path.join(root, 'dist/index.js'))
  const found = {}
  const timed = async (name, act) => {
    const [start, cpu] = [performance.now(), process.cpuUsage()]
    await act()
    const { user, system } = process.cpuUsage(cpu)
    found[name] = { ms: performance.now() - start, cpuMs: (user + system) / 1000 }
  }
  let model
  await timed('load', async () => (model = await loadModel(file, { threads: 2, device: 'cpu' })))
  const draw = (options, seed = 1) =>
    model.generate({ prompt: 'a red circle', width: 64, height: 64, steps: 24, guidance: 4, temperature: 1, seed, ...options })
  const stepped = async (run) => {
    for await (const step of run) if (step.step === step.steps - 1 || step.masked === 0) break
  }
  await draw({}).result()
  await timed('picture', () => draw({ steps: 64 }).result())
  await timed('steps heard one by one', () => stepped(draw({ steps: 64 })))
  await timed('sixteen together', () => Promise.all(Array.from({ length: 16 }, (_, i) => stepped(draw({}, i)))))
  await timed('without guidance', () => stepped(draw({ guidance: 0, steps: 64 })))
  await timed('ML-Cache', () => stepped(draw({ steps: 64, cache: true })))
  const question = { messages: [{ role: 'user', content: 'What is red?' }], length: 32, block: 32, steps: 32, temperature: 0, seed: 1 }
  await timed('answer', () => model.chat(question).result())
  await timed('answer with prefix reuse', () => model.chat({ ...question, reuse: 'prefix' }).result())
  await model.close()
  found.peak = { mb: process.resourceUsage().maxRSS / 1024 }
  console.log(JSON.stringify(found))
}

/** A process by itself: how long it takes, by the clock and on the processors, and what it printed. */
function spent(args) {
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(
    '/usr/bin/env',
    ['bash', '-c', 'TIMEFORMAT="%U %S"; time "$@"', 'x', process.execPath, ...args],
    {
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(stderr)
  const [user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number)
  return { ms: performance.now() - start, cpuMs: (user + system) * 1000, stdout }
}

function round(root, file) {
  const firstStep = `
    const { loadModel } = await import('file://${root}/dist/index.js')
    const model = await loadModel()
    for await (const step of model.generate({ prompt: 'a red circle', seed: 1 })) if (step) break
    await model.close()`
  const { stdout } = spent([self, '--measure', root, ...(file ? [file] : [])])
  const only = ({ ms, cpuMs }) => ({ ms, cpuMs })
  return {
    version: only(spent([path.join(root, 'dist/cli/main.js'), '--version'])),
    'first step': only(spent(['--input-type=module', '-e', firstStep])),
    ...JSON.parse(stdout.trim().split('\n').at(-1)),
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const rounded = (value) => Number(value.toPrecision(4))

if (process.argv[2] === '--measure') await measure(process.argv[3], process.argv[4])
else {
  const [before, after, rounds = '7', file] = process.argv.slice(2)
  const roots = [before, after].map((one) => path.resolve(one))
  const load = os.loadavg()[0]
  const seen = Array.from({ length: Number(rounds) }, (_, i) =>
    (i % 2 ? roots.toReversed() : roots).map((root) => [root, round(root, file)]),
  )
  const of = (root) => seen.map((pair) => pair.find(([one]) => one === root)[1])
  const [old, now] = roots.map(of)
  const figures = {}
  for (const name of Object.keys(old[0]))
    for (const unit of Object.keys(old[0][name])) {
      const values = (list) => list.map((one) => one[name][unit])
      figures[name] = {
        ...figures[name],
        [unit]: [rounded(median(values(old))), rounded(median(values(now)))],
        [`${unit}Ratio`]: rounded(median(values(now).map((value, i) => value / values(old)[i]))),
      }
    }
  const head = (root) => spawnSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim()
  const machine = { cpu: os.cpus()[0].model, threads: 2, loadAverage: rounded(load), noisy: load > 3 }
  console.log(
    JSON.stringify(
      { date: new Date().toISOString().slice(0, 10), machine, commits: roots.map(head), rounds: Number(rounds), figures },
      undefined,
      2,
    ),
  )
}
