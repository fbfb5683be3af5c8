// Rows per second of one exact pass, ours against llama.cpp at its best, on the same GGUF files, threads and tokens, in turns:
//   node bench/compare-llama.mjs [--package node_modules/node-llama-cpp] [--work folder] [--types q8_0,q4_k,bf16,f16,f32]
//                                [--rows 512,1024] [--rounds 5] [--threads 2] [--output bench/results/llama.json]
// llama.cpp is built natively from the sources inside the npm package node-llama-cpp (install it anywhere, --package says where);
// without it the comparison is skipped in words. Flash attention on and off are both timed and the better median counts. Before
// anything is timed, both must give the same logits within the error of the type.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { buildOurs, commit, Driver, llamaModel, machine, median, options, relativeError, root } from './driver.mjs'
import { buildLlama, findPackage } from './llama/build.mjs'

const given = options({
  package: undefined,
  work: path.join(os.tmpdir(), 'dimoo-compare'),
  types: 'q8_0,q4_k,bf16,f16,f32',
  rows: '512,1024',
  rounds: '5',
  threads: '2',
  output: path.join(root, 'bench/results/llama.json'),
})
const bundled = findPackage(given.package)
if (!bundled) {
  console.log(
    'skipped: llama.cpp is not here. npm install --prefix <folder> --ignore-scripts node-llama-cpp, then --package <folder>/node_modules/node-llama-cpp',
  )
  process.exit(0)
}
const rounds = Math.max(5, Number(given.rounds))

/**
 * llama.cpp with f16 keys and values in flash attention, and with activations in bf16 beside weights in bf16, which ours are only where the
 * processor multiplies bf16; the error of the type itself comes on top, ours and theirs.
 */
const slack = (type) => (type === 'bf16' ? 5e-3 : 2e-3)

async function logits(driver, file) {
  await driver.ask(`logits ${file}`)
  const bytes = readFileSync(file)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

/** Ours in reference arithmetic is the truth; llama.cpp may be as far from it as twice our fast arithmetic, which rounds as much. */
async function checkLogits(model, type, rows, drivers) {
  const reference = new Driver(ours, [model, rows, given.threads, 'f32'])
  const truth = await logits(reference, path.join(given.work, 'truth.bin'))
  reference.close()
  const errors = {}
  for (const [name, driver] of Object.entries(drivers)) {
    errors[name] = relativeError(await logits(driver, path.join(given.work, `${name}.bin`)), truth)
  }
  const bound = 2 * errors.ours + slack(type)
  for (const [name, error] of Object.entries(errors)) {
    if (!(error <= bound)) throw new Error(`${model}, ${rows} rows: logits of ${name}: expected an error of at most ${bound}, got ${error}`)
  }
  return errors
}

async function compare(type, rows) {
  const model = llamaModel(given.work, '0.5b', type)
  const start = (flash) => new Driver(llama.driver, [model, rows, given.threads, flash])
  const drivers = { ours: new Driver(ours, [model, rows, given.threads, 'fast']), flashOn: start('on'), flashOff: start('off') }
  const logitErrors = await checkLogits(model, type, rows, drivers)
  const times = { ours: [], oursAllRows: [], flashOn: [], flashOff: [] }
  for (const driver of Object.values(drivers)) await driver.seconds('pass') // warm
  const load = []
  for (let round = 0; round < rounds; round++) {
    for (const [name, driver] of Object.entries(drivers)) times[name].push(await driver.seconds('pass'))
    times.oursAllRows.push(await drivers.ours.seconds('all'))
    load.push(os.loadavg()[0])
  }
  const ceilings = {}
  for (const kind of ['f32', 'bf16', 'int8']) ceilings[kind] = (await drivers.ours.seconds(`peak ${kind}`)) / 1e9
  for (const driver of Object.values(drivers)) driver.close()
  const rate = (name) => Number((rows / median(times[name])).toFixed(1))
  const llamaRate = Math.max(rate('flashOn'), rate('flashOff'))
  return {
    type,
    rows: Number(rows),
    rounds,
    oursRowsPerSecond: rate('ours'),
    oursAllRowsPerSecond: rate('oursAllRows'),
    llamaRowsPerSecond: { flashOn: rate('flashOn'), flashOff: rate('flashOff') },
    ratio: Number((rate('ours') / llamaRate).toFixed(3)),
    logitErrors,
    ceilingsGops: ceilings,
    loadAverage: median(load),
    noisy: median(load) > Number(given.threads) + 1,
    seconds: times,
  }
}

mkdirSync(given.work, { recursive: true })
const ours = buildOurs(path.join(given.work, 'ours-build'))
const llama = buildLlama(bundled, given.work, path.join(root, 'bench/llama/driver.cc'))
const results = {
  machine: machine(Number(given.threads)),
  commit: commit(),
  date: new Date().toISOString().slice(0, 10),
  llama: llama.release,
  cases: [],
}
for (const type of given.types.split(',')) {
  for (const rows of given.rows.split(',')) {
    const found = await compare(type, rows)
    results.cases.push(found)
    const { flashOn, flashOff } = found.llamaRowsPerSecond
    console.log(`${type} ${rows} rows: ours ${found.oursRowsPerSecond} rows/s, llama.cpp ${flashOn} / ${flashOff}, ratio ${found.ratio}`)
    mkdirSync(path.dirname(given.output), { recursive: true })
    writeFileSync(given.output, `${JSON.stringify(results, null, 2)}\n`)
  }
}
