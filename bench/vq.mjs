// Decoding and encoding of a 1024x1024 picture in the released layout: time, fraction of the f32 ceiling, peak memory; whole, in strips
// within 1 GiB of maps, and with the least memory there is.
//   node bench/vq.mjs [--models folder] [--threads 2] [--repeats 3] [--build folder] [--wrap 'command of each measurement']
// prints and writes bench/results/vq.json. Every measurement is a process of its own, so that its peak is its own.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { commit, machine, options, root } from './driver.mjs'

const { models, threads, repeats, build, wrap } = options({
  models: path.join(os.tmpdir(), 'dimoo-bench'),
  threads: '2',
  repeats: '3',
  build: 'build/bench',
  wrap: '',
})
const run = (command, args) => execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

const file = path.resolve(models, '0.5b-q8_0.gguf')
mkdirSync(models, { recursive: true })
if (!existsSync(file)) run(process.execPath, ['dist/cli/main.js', 'synth', '0.5b', '-o', file, '--type', 'q8_0'])
run('cmake', ['-S', '.', '-B', build, '-DDIMOO_ADDON=OFF', '-DDIMOO_BENCH=ON'])
run('cmake', ['--build', build, '--parallel', '2', '--target', 'vq_bench'])
const [command, ...first] = [...wrap.split(' ').filter(Boolean), path.join(build, 'bin/vq_bench')]
const budgets = { whole: -1, strips: 2 ** 30, leastMemory: 0 }
const results = {
  machine: machine(Number(threads)),
  commit: commit(),
  date: new Date().toISOString().slice(0, 10),
  repeats: Number(repeats),
}
for (const half of ['decode', 'encode']) {
  results[half] = {}
  for (const [name, budget] of Object.entries(budgets))
    results[half][name] = JSON.parse(run(command, [...first, file, half, String(budget), '64', '64', threads, repeats]))
}
const text = `${JSON.stringify(results, null, 2)}\n`
writeFileSync(path.join(root, 'bench/results/vq.json'), text)
process.stdout.write(text)
