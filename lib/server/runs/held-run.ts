// A run that the server holds for its client: its steps become numbered events that any number of listeners follow, each at its own pace,
// and that a client who comes back goes on with. Without a listener it is aborted after a while, unless it is detached.
import { errorToData, invalid } from '../../base/errors.js'
import { toJson } from '../../base/json.js'
import { onAbort } from '../../base/signals.js'
import type { TaskName } from '../../requests/names.js'
import type { RunOptions } from '../../requests/types/index.js'
import { eventNumber } from '../../run/event-numbers.js'
import { isOver } from '../../run/states.js'
import type { AnyRun, RunState } from '../../run/types.js'
import type { Work } from '../../runner/work.js'
import { isRunKeeper, type Runner } from '../../runner/runner.js'
import { messageData } from '../../wire/messages.js'
import type { Client } from '../keys.js'
import { EventLog, type Cursor, type RunEvent } from './event-log.js'
import { withoutPreview, type AnyStep, type HeldParts, type Outcome, type Start } from './held-parts.js'
import { Orders } from './orders.js'
import { resultJson } from './result-json.js'
import { Turns } from './turns.js'

/** Most bytes of one run's events. */
export const MAX_EVENT_BYTES = 8 * 2 ** 20

/** Who wants to know of all runs: metrics, and the registry itself. */
export interface Watch {
  stepped(run: HeldRun, step: AnyStep): void
  paused?(run: HeldRun): void
  ended(run: HeldRun): void
}

export class HeldRun {
  readonly id: string
  readonly owner: Client
  readonly model: string
  readonly task: TaskName
  readonly runner: Runner
  readonly pictures: number
  readonly work: Work
  readonly warnings: readonly string[]
  readonly created = Date.now()
  readonly log: EventLog
  readonly orders = new Orders()
  readonly #turns = new Turns(() => this.#run)
  readonly detached: boolean
  readonly #graceMs: number
  #start: Start | undefined // it holds the request: not beyond the end
  readonly #watch: Watch
  readonly #cursors = new Set<Cursor>()
  readonly #onStep = new Set<(step: AnyStep) => void>()
  readonly #steps = new Map<number, number>() // the last step of each picture
  #share = 0 // of its steps, done
  #run: AnyRun
  #options: RunOptions
  #listeners = 0
  #leaving: NodeJS.Timeout | undefined
  #held: (() => void) | undefined // wakes the pump that waits for its readers
  readonly #atEnd: (() => void)[] = []
  #outcome: Outcome | undefined
  #progress: AnyStep | undefined
  #earlierMs = 0 // of the runs that it went on from
  #endedAt = 0
  #stopped = false // it is to end
  #remasked = false // what begins it anew does not know of it
  #leftAt = 0
  /** Somebody has heard how it ended. */
  told = false
  /** Of the request that it was begun with; undefined: another server has begun it. */
  asked: string | undefined
  /** Under which it was asked for here last, '' without one. */
  key: string | undefined

  /** Throws what the runner throws. */
  constructor(parts: HeldParts, watch: Watch) {
    const { id, owner, model, task, runner, pictures, work, warnings, options } = parts
    this.id = id
    this.owner = owner
    this.model = model
    this.task = task
    this.runner = runner
    this.pictures = pictures
    this.work = work
    this.warnings = warnings
    this.detached = parts.detached
    this.#graceMs = parts.graceMs
    this.#start = parts.start
    this.#watch = watch
    this.#options = options
    this.asked = parts.asked
    this.log = new EventLog(parts.maxEventBytes)
    this.#run = parts.start(options)
    this.#tell('queued')
    this.#expectListeners()
    void this.#pump(this.#run)
  }

  get run(): AnyRun {
    return this.#run
  }

  get state(): RunState {
    if (!this.#outcome) return this.#run.state
    if ('result' in this.#outcome) return 'done'
    return errorToData(this.#outcome.error).code === 'aborted' || this.#run.state === 'aborted' ? 'aborted' : 'failed'
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** When it ended, in milliseconds since 1970. */
  get endedAt(): number {
    return this.#endedAt
  }

  /** When somebody was here last, in milliseconds since 1970. */
  get leftAt(): number {
    return this.#leftAt
  }

  get progress(): AnyStep | undefined {
    return this.#progress
  }

  get priority(): number {
    return this.#options.priority ?? 0
  }

  /** Rows times steps. */
  get workDone(): number {
    return this.work.rows * this.work.steps * this.#share
  }

  get workLeft(): number {
    return this.work.rows * this.work.steps * (1 - this.#share)
  }

  get listeners(): number {
    return this.#listeners
  }

  abort(reason?: unknown): void {
    this.#stopped = true
    this.#run.abort(reason)
    this.#held?.()
  }

  /** It outlives the server. */
  get isKept(): boolean {
    return isRunKeeper(this.runner)
  }

  /** Ends it here; it goes on where it is kept. */
  part(reason: unknown): void {
    if (!this.#outcome) this.#end({ error: reason })
  }

  async pause(): Promise<void> {
    await this.#turns.order((run) => run.pause())
    if (this.#outcome) return
    this.#tell('paused')
    this.#watch.paused?.(this)
  }

  async continue(): Promise<void> {
    await this.#turns.order((run) => run.continue())
    if (!this.#outcome) this.#tell(this.#progress ? 'running' : 'queued')
  }

  /** Masks cells again, of whichever run goes on. */
  async remask(give: (run: AnyRun) => Promise<void>): Promise<void> {
    await this.#turns.order((run) => give(run).then(() => void (this.#remasked = true)))
  }

  /** Where it is, as bytes. */
  async snapshot(): Promise<Uint8Array> {
    return this.#turns.order((run) => run.snapshot(), { brief: false })
  }

  /** Goes on under another priority: from where it is, to the same bits. */
  async reprioritise(priority: number): Promise<void> {
    if (this.isKept && priority !== this.priority) throw invalid('priority: a run in a queue keeps the one it came with')
    await this.#turns.change(() => this.#goOn(priority))
  }

  async #goOn(priority: number): Promise<void> {
    if (priority === this.priority) return
    const old = this.#run
    const options = { ...this.#options, priority }
    const begun = this.#progress !== undefined || this.#remasked
    const start = begun ? await this.#resuming(old) : this.#start
    if (this.#outcome ?? (!start || this.#stopped)) return
    const run = start(options)
    this.#run = run
    this.#options = options
    this.#earlierMs = this.#progress?.elapsedMs ?? 0
    if (old.state === 'paused') await run.pause()
    old.abort()
    void this.#pump(run)
  }

  async #resuming(run: AnyRun): Promise<Start> {
    const snapshot = await run.snapshot()
    return (options) => this.runner.resume(snapshot, options)
  }

  /** Calls back once it has ended, at once where it has. */
  onEnd(callback: () => void): void {
    if (this.#outcome) callback()
    else this.#atEnd.push(callback)
  }

  /**
   * Calls back with every step as it comes, until the function that it returns is called. No listener: it holds nothing up. `past`: first with
   * those that have come, as far as they are known.
   */
  onStep(callback: (step: AnyStep) => void, { past = false } = {}): () => void {
    if (past) for (const { step } of this.log.data('step') as Iterable<{ readonly step: AnyStep }>) callback(step)
    this.#onStep.add(callback)
    return () => this.#onStep.delete(callback)
  }

  /** Counts as a listener until the function that it returns is called. */
  listen(): () => void {
    this.#listeners++
    clearTimeout(this.#leaving)
    let left = false
    return () => {
      if (left) return
      left = true
      this.#listeners--
      this.#leftAt = Date.now()
      this.#expectListeners()
    }
  }

  /** Somebody asked after it: a client that polls is there. */
  touch(): void {
    this.listen()()
  }

  /** Whether a reader who names this event speaks of another run, one that had this name before. */
  isBeyond(number: number): boolean {
    return !this.isKept && number > this.log.last
  }

  /**
   * Events after the one of a number, as they come, to the end, which is told again to whoever has it. All of them where the number is beyond
   * (`isBeyond`). Ends early, without a word, when `signal` is aborted.
   *
   * @param onlyEnd The last one of those that are there, and what follows.
   */
  async *follow(
    after: number,
    signal: AbortSignal,
    { onlyEnd = false } = {},
  ): AsyncGenerator<{ readonly event: RunEvent; readonly missed: number }> {
    const leave = this.listen()
    const known = this.isBeyond(after) ? 0 : after
    let had = known
    const [at, last] = [this.log.position(known), this.log.length - 1]
    const cursor: Cursor = { at: onlyEnd ? Math.max(at, last) : at }
    if (this.log.closed) cursor.at = Math.min(cursor.at, last)
    this.#cursors.add(cursor)
    this.#held?.()
    try {
      while (!signal.aborted) {
        const found = this.log.after(cursor)
        if (found) {
          const { event, missed, forgotten } = found
          // A server that has just heard of the run hears of what its reader knows too; and its keeper may not know all of it any more.
          const early = event.id === undefined ? 0 : Math.min(forgotten, Math.max(0, event.id - had - 1))
          had = Math.max(had, event.id ?? had)
          if ((event.id ?? Infinity) > known || isEnd(event)) yield { event, missed: missed + early }
          cursor.at += missed + 1
          this.#held?.()
        } else if (this.log.closed) {
          this.told = true
          return
        } else await this.#changed(signal)
      }
    } finally {
      this.#cursors.delete(cursor)
      this.#held?.()
      leave()
    }
  }

  /** Resolves at the end, or when `signal` is aborted. The run goes on meanwhile, whatever its delivery. */
  async ended(signal: AbortSignal): Promise<Outcome | undefined> {
    const cursor: Cursor = { at: Infinity }
    const leave = this.listen()
    this.#cursors.add(cursor)
    this.#held?.()
    try {
      while (!this.#outcome && !signal.aborted) await this.#changed(signal)
      this.told ||= this.#outcome !== undefined
      return this.#outcome
    } finally {
      this.#cursors.delete(cursor)
      leave()
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        stop()
        unlisten()
        resolve()
      }
      const stop = this.log.onChange(() => done())
      const unlisten = onAbort(signal, () => queueMicrotask(done))
    })
  }

  async #pump(run: AnyRun): Promise<void> {
    const result = run.result()
    result.catch(() => undefined)
    try {
      if (this.#options.delivery !== 'none') {
        for await (const step of run as AsyncIterable<AnyStep>) {
          if (run !== this.#run || this.#outcome) return
          this.#take(step)
          if (this.#options.delivery === 'all') await this.#room()
        }
      }
      const found = await result
      if (run === this.#run && !this.#outcome) this.#end({ result: found })
    } catch (error) {
      if (run === this.#run && !this.#outcome) this.#end({ error })
    }
  }

  #take(taken: AnyStep): void {
    const step = this.#earlierMs === 0 ? taken : { ...taken, elapsedMs: taken.elapsedMs + this.#earlierMs }
    const image = step.kind === 'image' ? step.image : 0
    if (step.step <= (this.#steps.get(image) ?? -1)) return // seen before the run was begun again
    if (!this.#progress) this.#tell('running')
    this.#share = Math.min(1, this.#share + (step.step - (this.#steps.get(image) ?? -1)) / step.steps / this.pictures)
    this.#steps.set(image, step.step)
    this.#progress = step
    this.log.append('step', messageData({ kind: 'step', task: this.task, step }), eventNumber(taken))
    this.#watch.stepped(this, step)
    for (const callback of this.#onStep) callback(step)
  }

  // Under delivery 'all' the run waits for its slowest reader, and for the first one.
  async #room(): Promise<void> {
    const ahead = this.#options.buffer ?? 1
    const full = (): boolean => {
      if (this.#cursors.size === 0) return !this.detached
      return [...this.#cursors].some(({ at }) => at < this.log.length - ahead)
    }
    while (full() && !isOver(this.#run.state)) {
      await new Promise<void>((resolve) => (this.#held = resolve))
      this.#held = undefined
    }
  }

  #end(outcome: Outcome): void {
    this.#outcome = outcome
    this.#start = undefined
    this.#progress &&= withoutPreview(this.#progress)
    this.#endedAt = Date.now()
    clearTimeout(this.#leaving)
    if ('result' in outcome) {
      const { result } = outcome
      this.#share = 1
      this.log.append('done', { state: this.state, result: resultJson(this, result, { whole: false }) })
    } else {
      this.log.append('error', { state: this.state, error: toJson(errorToData(outcome.error)) }, this.#ownNumber)
    }
    this.log.close()
    this.#watch.ended(this)
    for (const callback of this.#atEnd.splice(0)) callback()
  }

  #tell(state: RunState): void {
    this.log.append('state', { state }, this.#ownNumber)
  }

  // Of what only this server says about the run.
  get #ownNumber(): 'none' | undefined {
    return this.isKept ? 'none' : undefined
  }

  #expectListeners(): void {
    if (this.#listeners > 0 || this.detached || this.#outcome) return
    clearTimeout(this.#leaving)
    const graceMs = this.#graceMs
    const waited = graceMs === 0 ? 'its client left' : `nobody listened for ${graceMs} ms`
    this.#leaving = setTimeout(() => {
      this.told = true // nobody is there to hear it
      this.abort(new DOMException(`the run was aborted: ${waited}`, 'AbortError'))
    }, graceMs)
    this.#leaving.unref()
  }
}

const isEnd = ({ name }: RunEvent): boolean => name === 'done' || name === 'error'
