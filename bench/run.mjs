// All measurements of docs and README in one run, on this machine: node bench/run.mjs [folder for models] > prints and writes bench/results/cpu.json.
// Needs a checkout that is built, about 6 GB of disk for random models, and a quiet machine.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const models = path.resolve(process.argv[2] ?? path.join(os.tmpdir(), 'dimoo-bench'))
const threads = String(Math.min(2, os.availableParallelism()))
mkdirSync(models, { recursive: true })

const run = (command, args) => execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
const json = (command, args) => JSON.parse(run(command, args).split('\n').at(-1))

function model(shape, type) {
  const file = path.join(models, `${shape}-${type}.gguf`)
  if (!existsSync(file)) run(process.execPath, ['dist/cli/main.js', 'synth', shape, '-o', file, '--type', type])
  return file
}

run('cmake', ['-S', '.', '-B', 'build/bench', '-DDIMOO_ADDON=OFF', '-DDIMOO_BENCH=ON'])
run('cmake', ['--build', 'build/bench', '--parallel'])
const forward = (file, precision) => json('build/bench/bin/forward_bench', [file, '512', threads, '7', precision])
const results = {
  machine: {
    cpu: os.cpus()[0]?.model,
    threads: Number(threads),
    platform: `${os.platform()}-${os.arch()}`,
    node: process.versions.node,
    loadAverage: os.loadavg()[0],
  },
  commit: run('git', ['rev-parse', '--short', 'HEAD']),
  date: new Date().toISOString().slice(0, 10),
  forward: [forward(model('0.5b', 'f32'), 'f32'), forward(model('0.5b', 'bf16'), 'fast'), forward(model('0.5b', 'q8_0'), 'fast')],
  startup: json(process.execPath, ['bench/startup.mjs', model('2b', 'bf16')]),
  memory: ['bf16', 'q8_0'].map((type) => json(process.execPath, ['bench/memory.mjs', model('0.5b', type), '256', '2'])),
}
for (const entry of results.forward) entry.model = path.basename(entry.model)
mkdirSync(path.join(root, 'bench/results'), { recursive: true })
writeFileSync(path.join(root, 'bench/results/cpu.json'), `${JSON.stringify(results, null, 2)}\n`)
console.log(JSON.stringify(results, null, 2))
