// A pool of two members of one thread against one of a single member with two threads, on large runs in turns, and how much of the mapped weights
// two members share.
//   node bench/members.mjs [model.gguf] [--size 256] [--steps 8] [--runs 4] [--rounds 5] [--out FILE]
// Without a model: models/miniature.gguf, mapped from its file. Writes bench/results/members.json. Linux: pages are read from /proc.
import { readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createPool } from '../dist/pool/index.js'
import { commit, machine, median, root } from './driver.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '256' },
    steps: { type: 'string', default: '8' },
    runs: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string', default: path.join(root, 'bench/results/members.json') },
  },
})
const [size, steps, runs, rounds] = ['size', 'steps', 'runs', 'rounds'].map((name) => Number(values[name]))
const source = realpathSync(positionals[0] ?? path.join(root, 'models/miniature.gguf'))
const two = await createPool({ source, members: [{ threads: 1 }, { threads: 1 }] })

/** Seconds of so many runs at once. */
async function seconds(pool) {
  const begun = performance.now()
  const all = Array.from({ length: runs }, (_, i) => pool.generate({ prompt: 'a red circle', width: size, height: size, steps, seed: i }))
  await Promise.all(all.map((run) => run.result()))
  return (performance.now() - begun) / 1000
}

/** Of the pages of the file, in bytes: those in memory, and this process's share of them. */
function pages(pid) {
  let [rss, pss, isFile] = [0, 0, false]
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isFile = line.endsWith(source)
    else if (isFile && line.startsWith('Rss:')) rss += Number(/\d+/.exec(line)[0]) * 1024
    else if (isFile && line.startsWith('Pss:')) pss += Number(/\d+/.exec(line)[0]) * 1024
  }
  return { rss, pss }
}

await seconds(two)
const shared = (await two.stats()).members.map(({ pid }) => pages(pid))
const one = await createPool({ source, members: [{ threads: 2 }] })
await seconds(one)
const ratios = []
const load = [os.loadavg()[0]]
for (let i = 0; i < rounds; i++) {
  const [a, b] = i % 2 === 0 ? [await seconds(two), await seconds(one)] : (await reversed()).reverse()
  ratios.push(b / a)
}
load.push(os.loadavg()[0])
await two.close()
await one.close()

async function reversed() {
  return [await seconds(one), await seconds(two)]
}

const sum = (key) => shared.reduce((total, each) => total + each[key], 0)
const results = {
  machine: machine(2),
  commit: commit(),
  date: new Date().toISOString().slice(0, 10),
  load: load.map((each) => Number(each.toFixed(1))),
  model: { bytes: statSync(source).size, name: path.basename(source) },
  run: { size, steps, atOnce: runs },
  throughputOfTwoMembersOverOne: {
    median: Number(median(ratios).toFixed(3)),
    all: ratios.map((each) => Number(each.toFixed(3))),
  },
  // Two processes that each had their own would hold twice the file.
  mappedWeights: {
    membersSee: sum('rss'),
    inMemory: sum('pss'),
    timesInMemory: Number((sum('pss') / Math.max(...shared.map(({ rss }) => rss))).toFixed(3)),
  },
}
writeFileSync(values.out, `${JSON.stringify(results, undefined, 2)}\n`)
console.log(JSON.stringify(results))
