// Rows per second of the same forward pass in f32, ours against PyTorch (Debian's python3-torch, with whatever BLAS and oneDNN it
// came with), same file, threads and tokens, in turns:
//   node bench/compare-torch.mjs [--python python3] [--work folder] [--rows 512,1024] [--rounds 5] [--threads 2] [--output bench/results/torch.json]
// Skipped in words where PyTorch is not installed. Both must give the same logits before anything is timed.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { buildOurs, commit, Driver, llamaModel, machine, median, options, relativeError, root } from './driver.mjs'

const given = options({
  python: '/usr/bin/python3',
  work: path.join(os.tmpdir(), 'dimoo-compare'),
  rows: '512,1024',
  rounds: '5',
  threads: '2',
  output: path.join(root, 'bench/results/torch.json'),
})
if (spawnSync(given.python, ['-c', 'import torch, numpy']).status !== 0) {
  console.log(`skipped: ${given.python} has no PyTorch. On Debian: apt-get install python3-torch, or --python says which one`)
  process.exit(0)
}
const rounds = Math.max(5, Number(given.rounds))

/** Two orders of summation in f32 through eight layers. */
const MOST_ERROR = 1e-4

async function logits(driver, name) {
  const file = path.join(given.work, name)
  await driver.ask(`logits ${file}`)
  const bytes = readFileSync(file)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

async function compare(model, rows) {
  const torch = new Driver(given.python, [path.join(root, 'bench/torch/driver.py'), model, rows, given.threads])
  const ours = new Driver(oursBinary, [model, rows, given.threads, 'f32'])
  const version = await torch.ask('version')
  const logitError = relativeError(await logits(ours, 'ours.bin'), await logits(torch, 'torch.bin'))
  if (!(logitError <= MOST_ERROR)) throw new Error(`${rows} rows: logits: expected an error of at most ${MOST_ERROR}, got ${logitError}`)
  const times = { ours: [], torch: [], oursAllRows: [], torchAllRows: [] }
  for (const driver of [ours, torch]) await driver.seconds('pass') // warm
  const load = []
  for (let round = 0; round < rounds; round++) {
    times.ours.push(await ours.seconds('pass'))
    times.torch.push(await torch.seconds('pass'))
    times.oursAllRows.push(await ours.seconds('all'))
    times.torchAllRows.push(await torch.seconds('all'))
    load.push(os.loadavg()[0])
  }
  for (const driver of [ours, torch]) driver.close()
  const rate = (name) => Number((rows / median(times[name])).toFixed(1))
  const ratio = Number((rate('ours') / rate('torch')).toFixed(3))
  const rates = Object.fromEntries(Object.keys(times).map((name) => [`${name}RowsPerSecond`, rate(name)]))
  return {
    rows: Number(rows),
    rounds,
    ...rates,
    ratio,
    logitError,
    torch: version,
    loadAverage: median(load),
    noisy: median(load) > Number(given.threads) + 1,
    seconds: times,
  }
}

mkdirSync(given.work, { recursive: true })
const oursBinary = buildOurs(path.join(given.work, 'ours-build'))
const model = llamaModel(given.work, '0.5b', 'f32')
const results = { machine: machine(Number(given.threads)), commit: commit(), date: new Date().toISOString().slice(0, 10), cases: [] }
for (const rows of given.rows.split(',')) {
  const found = await compare(model, rows)
  results.cases.push(found)
  console.log(`f32 ${rows} rows: ours ${found.oursRowsPerSecond} rows/s, PyTorch ${found.torchRowsPerSecond}, ratio ${found.ratio}`)
}
mkdirSync(path.dirname(given.output), { recursive: true })
writeFileSync(given.output, `${JSON.stringify(results, null, 2)}\n`)
