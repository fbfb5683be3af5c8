// One model of a pool and its fate: started, ready, and when it dies started again, later each time that it does not live long. What it was
// decoding is handed back; it decides nothing about runs.
import { DimooError, errorFromData } from '../base/errors.js'
import type { ModelInfo } from '../native/info.js'
import type { Frame } from '../remote/channel.js'
import { messageOf } from '../remote/frames.js'
import { Link } from '../remote/link.js'
import type { MemberLoad } from './options.js'
import { spawnBody, type Body } from './spawn.js'

/** 'waiting': it has died and will be started again. */
export type MemberState = 'starting' | 'ready' | 'draining' | 'waiting' | 'stopped'

/** What is known here of a run that a member decodes. */
export interface Aboard {
  /** Rows times steps. */
  readonly workLeft: number
}

export interface MemberSettings<Run extends Aboard> {
  readonly isolation: 'process' | 'thread'
  readonly snapshotEvery: number
  /** It can take runs. */
  readonly ready: (member: Member<Run>) => void
  /** It has died, or could not load (`error`); its runs are nobody's now. */
  readonly lost: (member: Member<Run>, runs: readonly Run[], error?: Error) => void
}

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 30_000
/** Lives at least so long: the next death is the first again. */
const SETTLED_MS = 60_000
/** Silent for so long: it hangs, and is killed. A member says every second that it is there. */
const SILENT_MS = 30_000
const LOOK_MS = 1000

export class Member<Run extends Aboard> {
  readonly number: number
  readonly load: MemberLoad
  readonly #settings: MemberSettings<Run>
  readonly runs = new Set<Run>()
  state: MemberState = 'starting'
  restarts = 0
  info: ModelInfo | undefined
  #link: Link | undefined
  #body: Body | undefined
  #deaths = 0 // in a row, each soon after a start
  #readyAt = 0
  #timer: NodeJS.Timeout | undefined

  /** Resolves when it is ready for the first time; rejects when it could not load then. */
  readonly started: Promise<void>
  #settle: { resolve(): void; reject(error: Error): void } | undefined

  constructor(number: number, load: MemberLoad, settings: MemberSettings<Run>) {
    this.started = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.started.catch(() => undefined) // for whoever waits
    this.number = number
    this.load = load
    this.#settings = settings
    this.#start()
  }

  get link(): Link {
    return this.#link!
  }

  /** Whether it decodes: it is ready, or drains and is there. */
  get serves(): boolean {
    return this.#readyAt > 0 && this.state !== 'stopped'
  }

  get pid(): number | undefined {
    return this.#body?.pid
  }

  /** How often in a row it died soon after its start, or could not load. */
  get deaths(): number {
    return this.#deaths
  }

  /** Rows times steps that its runs have left. */
  get workLeft(): number {
    let sum = 0
    for (const run of this.runs) sum += run.workLeft
    return sum
  }

  /** Ends it in order: what it frees, it frees. Its runs are the caller's affair. */
  async stop(timeoutMs: number): Promise<void> {
    const served = this.serves
    this.state = 'stopped'
    clearTimeout(this.#timer)
    if (served) await this.link.close(timeoutMs).catch(() => undefined) // it has died: that will do
    this.#body?.channel.close()
    await Promise.race([this.#body?.gone, new Promise((resolve) => setTimeout(resolve, 1000).unref())])
    this.#body?.kill()
    await this.#body?.gone
  }

  /** Ends it as a death does: it starts again, its runs go on elsewhere. */
  kill(): void {
    this.#body?.kill()
  }

  #start(): void {
    if (this.state === 'waiting') this.state = 'starting'
    const body = spawnBody(this.#settings.isolation)
    let dead = false
    const died = (error?: Error): void => {
      if (dead) return
      dead = true
      clearInterval(watch)
      body.kill() // a channel that broke may have left it alive
      this.#died(error)
    }
    let silent = 0
    const told = ({ kind, info, message }: Frame): void => {
      silent = 0
      if (kind === 'ready') this.#ready(info as ModelInfo)
      else if (kind === 'failed') died(errorOf(message!))
    }
    // Counted in ticks of our own: a machine that slept is not taken for a member that hangs.
    const watch = setInterval(() => {
      if (++silent * LOOK_MS >= SILENT_MS) body.kill()
    }, LOOK_MS).unref()
    this.#body = body
    this.#link = new Link(body.channel, { extra: told, lost: () => died() })
    body.channel.send({ kind: 'load', ...this.load, snapshotEvery: this.#settings.snapshotEvery })
  }

  #ready(info: ModelInfo): void {
    if (this.state === 'stopped') return
    this.info = info
    this.#readyAt = performance.now()
    if (this.state === 'starting') this.state = 'ready'
    this.#settings.ready(this)
    this.#settle?.resolve()
    this.#settle = undefined
  }

  #died(error?: Error): void {
    if (this.#stopped()) return
    const lived = this.#readyAt > 0 && performance.now() - this.#readyAt > SETTLED_MS
    this.#deaths = lived ? 1 : this.#deaths + 1
    this.#readyAt = 0
    this.restarts++
    if (this.state !== 'draining') this.state = 'waiting'
    const runs = [...this.runs]
    this.runs.clear()
    this.#settle?.reject(error ?? new DimooError('internal', 'expected a member that loads a model, got its end'))
    this.#settle = undefined
    this.#settings.lost(this, runs, error)
    if (this.#stopped()) return
    this.#timer = setTimeout(() => this.#start(), Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#deaths - 1)))
  }

  // What `lost` may have made of it.
  #stopped(): boolean {
    return this.state === 'stopped'
  }
}

function errorOf(message: Uint8Array): Error {
  const told = messageOf(message)
  return told.kind === 'error' ? errorFromData(told.error) : new DimooError('internal', `expected an error, got a ${told.kind}`)
}
