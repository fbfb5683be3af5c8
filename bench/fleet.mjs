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
const LOAD_AT_ONCE = 2 // a worker takes more while the costs of its runs are less
const DEATHS_PER_GPU_DAY = 2
const SNAPSHOT_EVERY_S = 2
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
  get soonest() {
    return this.#all[0]?.key ?? Infinity
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

/** First come, first served. */
class Line {
  #runs = []
  #head = 0
  push(run) {
    this.#runs.push(run)
  }
  shift() {
    if (this.#head === this.#runs.length) return undefined
    const run = this.#runs[this.#head]
    this.#runs[this.#head++] = undefined
    return run
  }
}

/**
 * `priorities`: interactive first. `snapshots`: a death costs what a snapshot is old, else the whole run.
 *
 * Runs of a worker share its passes: each pass takes every one of them a step further, and lasts as long as the largest of them alone plus
 * `growth` of each other one.
 */
function simulate(day, fleet, { priorities, snapshots }) {
  const draw = random(Number(values.seed) + 1)
  const events = new Heap()
  const lines = [new Line(), new Line()]
  const workers = Array.from({ length: fleet }, () => ({ load: 0, largest: 0, runs: new Set(), up: true, version: 0, since: 0 }))
  const waits = CLASSES.map(() => [])
  const totals = CLASSES.map(() => [])
  let [lost, deaths, ended, busy] = [0, 0, 0, 0]
  const nextDeath = (now, worker) => events.push(now + (-Math.log(1 - draw()) / DEATHS_PER_GPU_DAY) * 86_400, { what: 'die', worker })
  for (const worker of workers) nextDeath(0, worker)

  const passS = ({ load, largest }) => stepS * (largest + growth * (load - largest))
  const enqueue = (run) => lines[priorities && CLASSES[run.kind].priority === 0 ? 1 : 0].push(run)
  const advance = (worker, now) => {
    if (worker.runs.size > 0) {
      const steps = (now - worker.since) / passS(worker)
      for (const run of worker.runs) run.left -= steps
      busy += now - worker.since
    }
    worker.since = now
  }
  const weigh = (worker) => {
    worker.load = worker.largest = 0
    for (const { kind } of worker.runs) {
      worker.load += CLASSES[kind].cost
      worker.largest = Math.max(worker.largest, CLASSES[kind].cost)
    }
  }
  const fill = (worker, now) => {
    advance(worker, now)
    while (worker.up && worker.load < LOAD_AT_ONCE) {
      const run = lines[0].shift() ?? lines[1].shift()
      if (!run) break
      if (run.begun === undefined) {
        run.begun = now
        waits[run.kind].push(now - run.at)
      }
      run.from = run.left
      worker.runs.add(run)
      weigh(worker)
    }
    worker.version++
    let first
    for (const run of worker.runs) if (!first || run.left < first.left) first = run
    if (first) events.push(now + Math.max(0, first.left) * passS(worker), { what: 'end', worker, run: first, version: worker.version })
  }
  // The one that has least to do, as whoever waits for work in the queue.
  const place = (now) => {
    let found
    for (const worker of workers) if (worker.up && worker.load < LOAD_AT_ONCE && !(found?.load <= worker.load)) found = worker
    if (found) fill(found, now)
  }
  const die = (worker, now) => {
    deaths++
    advance(worker, now)
    const pass = passS(worker)
    for (const run of worker.runs) {
      const done = run.from - run.left
      const again = snapshots ? Math.min(done, SNAPSHOT_EVERY_S / pass + 1) : CLASSES[run.kind].steps - run.left
      run.left += again
      lost += again * CLASSES[run.kind].cost * stepS
      events.push(now + BACK_S, { what: 'back', run })
    }
    worker.runs.clear()
    worker.up = false
    worker.version++
    weigh(worker)
    events.push(now + RESTART_S, { what: 'up', worker })
  }

  let next = 0
  while (events.size > 0 || next < day.length) {
    if (next < day.length && day[next].at <= events.soonest) {
      const { at, kind } = day[next++]
      enqueue({ at, kind, left: CLASSES[kind].steps, from: 0, begun: undefined })
      place(at)
      continue
    }
    const { key: now, value } = events.pop()
    const { what, run, worker } = value
    if (what === 'back') {
      enqueue(run)
      place(now)
    } else if (what === 'end') {
      if (value.version !== worker.version) continue
      advance(worker, now)
      worker.runs.delete(run)
      weigh(worker)
      totals[run.kind].push(now - run.at)
      ended++
      fill(worker, now)
    } else if (what === 'up') {
      worker.up = true
      worker.since = now
      fill(worker, now)
      nextDeath(now, worker)
    } else if (now < hours * 3600) die(worker, now)
  }
  const busyShare = Number((busy / (fleet * hours * 3600)).toFixed(3))
  return {
    fleet,
    priorities,
    snapshots,
    runs: ended,
    deaths,
    lostSeconds: Math.round(lost),
    busyShare,
    wait: byClass(waits),
    total: byClass(totals),
  }
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
for (const share of [0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.6]) {
  found.push(simulate(day, Math.round(gpus * share), { priorities: false, snapshots: true }))
  found.push(simulate(day, Math.round(gpus * share), { priorities: true, snapshots: true }))
}
found.push(simulate(day, gpus, { priorities: true, snapshots: false }))
const assumptions = {
  classes: CLASSES,
  stepS,
  growth,
  load: LOAD,
  loadAtOnce: LOAD_AT_ONCE,
  deathsPerGpuDay: DEATHS_PER_GPU_DAY,
  snapshotEveryS: SNAPSHOT_EVERY_S,
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
