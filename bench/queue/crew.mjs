// Who is there in bench/queue.mjs: a Redis that comes and goes, workers that are killed and held, one whose disk is full. What was done to them
// is written down, in milliseconds since the beginning.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../driver.mjs'

const CLI = path.join(root, 'dist/cli/main.js')
const started = performance.now()
export const since = () => Math.round(performance.now() - started)

export class Redis {
  #process
  /** When it was away. */
  away = []

  static async start(folder) {
    const redis = new Redis()
    redis.folder = folder
    redis.port = await freePort()
    redis.url = `redis://127.0.0.1:${redis.port}`
    redis.#begin()
    return redis
  }

  #begin() {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--appendonly', 'yes', '--save', '']
    this.#process = spawn('redis-server', args, { stdio: 'ignore' })
  }

  /** Away for so long, then again what its file says. */
  async leave(ms) {
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await gone
    const from = since()
    await sleep(ms)
    this.#begin()
    this.away.push({ from, to: since() })
  }

  end() {
    this.#process.kill('SIGKILL')
  }
}

export class Crew {
  #args
  #members = new Map()
  /** Deaths, and how long a worker took to come up. */
  kills = 0
  startMs = []

  constructor(count, { url, store, snapshotEveryMs }) {
    this.#args = [CLI, 'worker', '--redis', url, '--store', store, '--threads', '1', '--snapshot-every', String(snapshotEveryMs), '--json']
    for (let i = 0; i < count; i++) this.#hire(i)
  }

  #hire(number) {
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const begun = performance.now()
    const member = { number, child, worker: undefined, held: false }
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { event, worker } = JSON.parse(line)
      if (event !== 'working') return
      member.worker = worker
      this.startMs.push(performance.now() - begun)
    })
    this.#members.set(number, member)
  }

  get ready() {
    return [...this.#members.values()].filter(({ worker, held }) => worker !== undefined && !held)
  }

  /** One of these, at random, and another one in its place. */
  kill(workers) {
    const found = this.ready.filter(({ worker }) => workers.includes(worker))
    if (found.length === 0) return
    const { number, child } = found[Math.floor(Math.random() * found.length)]
    child.kill('SIGKILL')
    this.kills++
    this.#hire(number)
  }

  /** Stops one that has jobs for so long, and lets it go on. Returns how many it had; undefined: it was over before anybody had any. */
  async hold(ms, stats, isOver) {
    while (!isOver()) {
      const { workers } = await stats()
      const busy = workers.find(({ id, jobs }) => jobs > 0 && this.ready.some(({ worker }) => worker === id))
      const member = busy && this.ready.find(({ worker }) => worker === busy.id)
      if (member) {
        member.held = true
        member.child.kill('SIGSTOP')
        await sleep(ms)
        member.child.kill('SIGCONT')
        await sleep(3000)
        member.held = false
        return busy.jobs
      }
      await sleep(100)
    }
    return undefined
  }

  end() {
    for (const { child } of this.#members.values()) child.kill('SIGKILL')
  }
}

async function freePort() {
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address()
  listening.close()
  await once(listening, 'close')
  return port
}
