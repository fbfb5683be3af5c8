// A day of a hundred GPUs without one: discrete events from step times that were measured. Who waits how long, by size of fleet and by policy.
//   node bench/fleet.mjs [--gpus 100] [--hours 24] [--seed 1] [--step 0.25] [--out FILE]
// --step: seconds of a step of one 1024 x 1024 picture with guidance alone on a GPU; --growth: of each further one in the same pass, as a share.
// What is assumed stands in docs/scaling.md#a-simulated-day. Writes bench/results/fleet.json.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { commit, root } from './driver.mjs'

const { values } = parseArgs({
  options: {
    gpus: { type: 'string', default: '100' },
    hours: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    step: { type: 'string', default: '0.25' },
    growth: { type: 'string', default: '0.9' },
    out: { type: 'string', default: path.join(root, 'bench/results/fleet.json') },
  },
})
const [gpus, hours, stepS, growth] = ['gpus', 'hours', 'step', 'growth'].map((name) => Number(values[name]))

/** Classes of runs: their share, steps, cost of a step against a 1024 x 1024 picture, priority and how bursty they come. */
const CLASSES = [
  { name: 'interactive', share: 0.6, steps: 32, cost: 0.5, priority: 1 },
  { name: 'large', share: 0.25, steps: 64, cost: 1, priority: 1 },
  { name: 'batch', share: 0.15, steps: 64, cost: 1, priority: 0 },
]
const ROWS_AT_ONCE = 2 // runs of cost 1 that a worker takes at once
const DEATHS_PER_GPU_DAY = 2
const LOST_S = { snapshot: 2 + stepS, whole: Infinity } // work that a death loses
const BACK_S = 20 // until a lock has run out and another worker has the run
const RESTART_S = 120

/** Splitmix64's little sister: the same day for every fleet. */
function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

const meanWork = CLASSES.reduce((sum, { share, steps, cost }) => sum + share * steps * cost * stepS, 0)
/** Runs a second that keep the fleet busy to this share over the day. */
const LOAD = 0.6
const rate = (LOAD * gpus) / meanWork

/** Arrivals of a day: a wave with its peak in the afternoon at 1.6 times the mean, and bursts of 3 minutes at three times that, every hour or so. */
function arrivals() {
  const draw = random(Number(values.seed))
  const bursts = Array.from({ length: hours }, () => draw() * hours * 3600)
  const found = []
  const most = rate * 1.6 * 3
  for (let t = 0; ;) {
    t -= Math.log(1 - draw()) / most
    if (t >= hours * 3600) return found
    const wave = 1 + 0.6 * Math.sin(((t / 3600 - 9) / 24) * 2 * Math.PI)
    const burst = bursts.some((at) => t >= at && t < at + 180) ? 3 : 1
    if (draw() * most > rate * wave * burst) continue
    let pick = draw()
    const kind = CLASSES.findIndex(({ share }) => (pick -= share) < 0)
    found.push({ at: t, kind: Math.max(0, kind) })
  }
}

/** The earliest first. */
class Heap {
  #all = []
  get size() {
    return this.#all.length
  }
  push(key, value) {
    const all = this.#all
    all.push({ key, value })
    for (let i = all.length - 1; i > 0;) {
      const up = (i - 1) >> 1
      if (all[up].key <= all[i].key) return
      ;[all[up], all[i]] = [all[i], all[up]]
      i = up
    }
  }
  pop() {
    const all = this.#all
    const [first] = all
    const last = all.pop()
    if (all.length > 0) {
      all[0] = last
      for (let i = 0; ;) {
        let small = i
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < all.length && all[child].key < all[small].key) small = child
        if (small === i) break
        ;[all[small], all[i]] = [all[i], all[small]]
        i = small
      }
    }
    return first
  }
}

/** `priorities`: interactive first. `snapshots`: a death costs what a snapshot is old, else the whole run. */
function simulate(day, fleet, { priorities, snapshots }) {
  const draw = random(Number(values.seed) + 1)
  const events = new Heap()
  const waiting = [[], []]
  const heads = [0, 0]
  const workers = Array.from({ length: fleet }, (_, i) => ({ i, load: 0, runs: new Set(), up: true }))
  const waits = CLASSES.map(() => [])
  const totals = CLASSES.map(() => [])
  let [lost, deaths, ended] = [0, 0, 0]
  day.forEach(({ at, kind }) =>
    events.push(at, { what: 'come', run: { at, kind, left: CLASSES[kind].steps * CLASSES[kind].cost * stepS, begun: undefined } }),
  )
  for (const worker of workers) events.push((-Math.log(1 - draw()) / DEATHS_PER_GPU_DAY) * 86_400, { what: 'die', worker })

  const enqueue = (run) => waiting[priorities && CLASSES[run.kind].priority === 0 ? 1 : 0].push(run)
  const next = () => {
    for (const [i, line] of waiting.entries()) {
      if (heads[i] < line.length) return line[heads[i]++]
    }
    return undefined
  }
  // Runs that share a pass: two take `1 + growth` times what one takes.
  const pace = ({ load }) => (load <= 1 ? 1 : (1 + growth * (load - 1)) / load) * Math.max(1, load)
  const advance = (worker, now) => {
    for (const run of worker.runs) run.left -= (now - run.since) / pace(worker)
    for (const run of worker.runs) run.since = now
  }
  const reschedule = (worker, now) => {
    worker.version = (worker.version ?? 0) + 1
    let soonest
    for (const run of worker.runs) if (!soonest || run.left < soonest.left) soonest = run
    if (soonest) events.push(now + Math.max(0, soonest.left) * pace(worker), { what: 'end', worker, run: soonest, version: worker.version })
  }
  const fill = (worker, now) => {
    while (worker.up && worker.load < ROWS_AT_ONCE) {
      const run = next()
      if (!run) break
      advance(worker, now)
      if (run.begun === undefined) {
        run.begun = now
        waits[run.kind].push(now - run.at)
      }
      run.since = now
      run.from = run.left
      worker.runs.add(run)
      worker.load += CLASSES[run.kind].cost
    }
    reschedule(worker, now)
  }
  while (events.size > 0) {
    const { key: now, value } = events.pop()
    const { what, run, worker } = value
    if (what === 'come') {
      enqueue(run)
      const free = workers.filter(({ up, load }) => up && load < ROWS_AT_ONCE).sort((a, b) => a.load - b.load)[0]
      if (free) fill(free, now)
    } else if (what === 'end') {
      if (value.version !== worker.version) continue
      advance(worker, now)
      worker.runs.delete(run)
      worker.load -= CLASSES[run.kind].cost
      totals[run.kind].push(now - run.at)
      ended++
      fill(worker, now)
    } else if (what === 'die') {
      if (now >= hours * 3600) continue
      deaths++
      advance(worker, now)
      worker.up = false
      worker.version = (worker.version ?? 0) + 1
      for (const one of worker.runs) {
        const done = one.from - one.left
        const again = snapshots ? Math.min(done, LOST_S.snapshot) : CLASSES[one.kind].steps * CLASSES[one.kind].cost * stepS - one.left
        one.left += again
        lost += again
        events.push(now + BACK_S, { what: 'come', run: one })
      }
      worker.runs.clear()
      worker.load = 0
      events.push(now + RESTART_S, { what: 'up', worker })
      events.push(now + (-Math.log(1 - draw()) / DEATHS_PER_GPU_DAY) * 86_400, { what: 'die', worker })
    } else {
      worker.up = true
      fill(worker, now)
    }
  }
  return { fleet, priorities, snapshots, runs: ended, deaths, lostSeconds: Math.round(lost), wait: byClass(waits), total: byClass(totals) }
}

function byClass(lists) {
  return Object.fromEntries(
    lists.map((list, i) => {
      const sorted = list.sort((a, b) => a - b)
      const at = (share) => Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(2))
      return [CLASSES[i].name, { p50: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1) }]
    }),
  )
}

const day = arrivals()
const found = []
for (const share of [0.6, 0.7, 0.8, 0.9, 1, 1.2]) {
  found.push(simulate(day, Math.round(gpus * share), { priorities: false, snapshots: true }))
  found.push(simulate(day, Math.round(gpus * share), { priorities: true, snapshots: true }))
}
found.push(simulate(day, gpus, { priorities: true, snapshots: false }))
const assumptions = {
  classes: CLASSES,
  stepS,
  growth,
  load: LOAD,
  runsAtOnce: ROWS_AT_ONCE,
  deathsPerGpuDay: DEATHS_PER_GPU_DAY,
  backS: BACK_S,
  restartS: RESTART_S,
  meanRate: Number(rate.toFixed(3)),
}
writeFileSync(
  values.out,
  `${JSON.stringify({ gpus, hours, runs: day.length, assumptions, commit: commit(), results: found }, undefined, 2)}\n`,
)
for (const one of found) {
  const { interactive, batch } = one.wait
  console.log(
    `${String(one.fleet).padStart(4)} GPUs, ${one.priorities ? 'priorities' : 'one line  '}, ${one.snapshots ? 'snapshots' : 'restarts '}: ` +
      `interactive p50 ${interactive.p50} p95 ${interactive.p95} p99 ${interactive.p99} s, batch p95 ${batch.p95} s, lost ${one.lostSeconds} s of work in ${one.deaths} deaths`,
  )
}
