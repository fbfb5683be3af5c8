// All runs of the server: the ones that go on, and the ended ones whose results are kept for a while, within a budget of bytes. What was
// dropped is remembered by name, so that whoever asks for it hears that it is gone, not that it never was.
import type { ImageResult } from '../../run/results.js'
import { notFound, Problem } from '../problem.js'
import type { AnyStep } from './held-parts.js'
import type { HeldRun, Watch } from './held-run.js'

export interface RegistryOptions {
  readonly maxResultBytes: number
  readonly resultTtlMs: number
  readonly graceMs: number
}

/** Why there is nothing of a run any more. */
export type Gone = 'deleted' | 'answered' | 'left' | 'old' | 'crowded' | 'lost'

/**
 * Which part of their time results of runs stay that were not to outlive their client, from when it was here last: it has them, or has left.
 * At least as long as such a run would have been waited for.
 */
const LEFT_PART = 1 / 10

/** Names of dropped runs that are remembered. */
const MAX_GONE = 10_000

export class Registry implements Watch {
  readonly #options: RegistryOptions
  readonly #watches: Watch[] = []
  readonly #active = new Map<string, HeldRun>()
  readonly #ended = new Map<string, { readonly run: HeldRun; readonly bytes: number }>() // the first to end first
  readonly #gone = new Map<string, Gone>()
  readonly #timer: NodeJS.Timeout
  #keptBytes = 0
  #idle: (() => void)[] = []

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#expire(), 1000).unref()
  }

  /** Is told of every step and end of every run. */
  watch(watch: Watch): void {
    this.#watches.push(watch)
  }

  /** Runs that go on. */
  get active(): ReadonlyMap<string, HeldRun> {
    return this.#active
  }

  /** Ended runs of which nobody has heard how. */
  get untold(): HeldRun[] {
    return [...this.#ended.values()].map(({ run }) => run).filter((run) => !run.detached && !run.told)
  }

  /** One that goes on, or whose result is kept. */
  find(owner: string, id: string): HeldRun | undefined {
    const key = keyOf(owner, id)
    return this.#active.get(key) ?? this.#ended.get(key)?.run
  }

  /** Also of one that was dropped. */
  knows(owner: string, id: string): boolean {
    return this.find(owner, id) !== undefined || this.#gone.has(keyOf(owner, id))
  }

  add(run: HeldRun): void {
    if (!run.outcome) this.#active.set(keyOf(run.owner.name, run.id), run)
  }

  /** Throws 404 for what was never there or is another's, 410 for what was dropped. */
  get(owner: string, id: string): HeldRun {
    const found = this.find(owner, id)
    if (found) return found
    const gone = this.#gone.get(keyOf(owner, id))
    if (gone) throw new Problem(410, 'gone', `run ${id}: ${this.#reason(gone)}`)
    throw notFound(`run ${id}: there is none of this name`)
  }

  #reason(gone: Gone): string {
    switch (gone) {
      case 'deleted':
        return 'its client deleted it'
      case 'answered':
        return 'it was answered where it was asked for, and nothing of it is kept'
      case 'old':
        return `its result was kept for ${this.#options.resultTtlMs / 1000} s, and is gone`
      case 'left':
        return `its result was kept for ${this.#leftMs / 1000} s from when its client was here last (with detach: true longer)`
      case 'crowded':
        return `its result made room for newer ones: at most ${this.#options.maxResultBytes} bytes of them are kept`
      default:
        return 'this server lost sight of it'
    }
  }

  /** One's own runs, the newest first. */
  list(owner: string): HeldRun[] {
    const all = [...this.#ended.values()].map(({ run }) => run).concat([...this.#active.values()])
    return all.filter((run) => run.owner.name === owner).sort((a, b) => b.created - a.created)
  }

  /** Drops an ended run at once. */
  drop(run: HeldRun, why: Gone): void {
    const key = keyOf(run.owner.name, run.id)
    const kept = this.#ended.get(key)
    if (!kept) return
    this.#ended.delete(key)
    this.#keptBytes -= kept.bytes
    this.#gone.set(key, why)
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= MAX_GONE) break
      this.#gone.delete(oldest)
    }
  }

  stepped(run: HeldRun, step: AnyStep): void {
    for (const watch of this.#watches) watch.stepped(run, step)
  }

  paused(run: HeldRun): void {
    for (const watch of this.#watches) watch.paused?.(run)
  }

  ended(run: HeldRun): void {
    const key = keyOf(run.owner.name, run.id)
    this.#active.delete(key)
    const bytes = run.log.bytes + sizeOf(run)
    this.#ended.set(key, { run, bytes })
    this.#keptBytes += bytes
    this.#expire()
    for (const watch of this.#watches) watch.ended(run)
    if (this.#active.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Resolves once no run goes on. */
  async idle(): Promise<void> {
    if (this.#active.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #expire(): void {
    for (const { run } of this.#ended.values()) {
      const why = this.#overdue(run)
      // Somebody may still be reading it.
      if (why === 'old' || (why && run.listeners === 0)) this.drop(run, why)
    }
  }

  get #leftMs(): number {
    const { resultTtlMs, graceMs } = this.#options
    return Math.min(resultTtlMs, Math.max(LEFT_PART * resultTtlMs, graceMs))
  }

  // The oldest are asked first.
  #overdue({ endedAt, leftAt, detached }: HeldRun): Gone | undefined {
    const { resultTtlMs, maxResultBytes } = this.#options
    const now = Date.now()
    if (endedAt < now - resultTtlMs) return 'old'
    if (!detached && Math.max(endedAt, leftAt) < now - this.#leftMs) return 'left'
    return this.#keptBytes > maxResultBytes ? 'crowded' : undefined
  }
}

const keyOf = (owner: string, id: string): string => `${owner}\n${id}`

function sizeOf({ outcome }: HeldRun): number {
  if (!outcome || !('result' in outcome)) return 1024
  const { images } = outcome.result as Partial<ImageResult>
  return 4096 + (images ?? []).reduce((sum, { image, tokens }) => sum + image.data.length + 4 * tokens.length, 0)
}
