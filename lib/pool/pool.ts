// A pool: a runner over several models, each in a process or thread of its own. A run goes where the least work is left, and goes on elsewhere,
// from its last snapshot, when its member dies.
import { randomUUID } from 'node:crypto'
import { DimooError, invalid } from '../base/errors.js'
import { checkOptions } from '../fields/check.js'
import type { RawImage } from '../fields/values.js'
import { CLOSE_FIELDS } from '../model/options.js'
import { findSource, type ModelSource } from '../model/source.js'
import type { ModelInfo } from '../native/info.js'
import { checkCall, checkSnapshot, travellingOptions } from '../remote/call.js'
import { requestMessage } from '../remote/frames.js'
import { remoteRun, type RemoteRun } from '../remote/run.js'
import { workOf } from '../runner/work.js'
import type { TaskName } from '../requests/names.js'
import { RESUME_FIELDS } from '../requests/run-options.js'
import type { PreviewOptions, ResumeOptions, TaskRequests } from '../requests/types/index.js'
import { LiveRuns } from '../run/live-runs.js'
import type { AnyRun, StepData } from '../run/types.js'
import { materialise } from '../runner/materialise.js'
import { RunnerBase, type CloseOptions, type RunOf, type StepDrawer } from '../runner/runner.js'
import { fit, type SnapshotHeader } from '../snapshot/index.js'
import { memberLoads, RESTART_FIELDS, type MemberLoad, type PoolOptions } from './options.js'
import { PooledRun, type Passenger } from './pooled-run.js'
import { Roster } from './roster.js'
import { memberStats, poolStats, type PoolStats } from './stats.js'

export interface RestartOptions {
  /** New weights; without, the same again. */
  readonly source?: ModelSource
  /** How long the runs of a member may go on with the old weights before they are aborted, in milliseconds. Default: until they are done. */
  readonly timeoutMs?: number
}

export class Pool extends RunnerBase implements StepDrawer {
  readonly #options: PoolOptions
  readonly #roster: Roster
  readonly #runs = new LiveRuns<RemoteRun>()
  #restarting: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** @internal Use `createPool`. */
  constructor(options: PoolOptions, roster: Roster) {
    super()
    this.#options = options
    this.#roster = roster
  }

  override run<Task extends TaskName, const Options extends ResumeOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options> {
    this.#checkOpen()
    const { info } = this.#roster
    const own = checkCall(task, request, options ?? {}, RESUME_FIELDS, info)
    const work = workOf(task, own, info)
    const given = named(options ?? {})
    const prepare = async (signal: AbortSignal): Promise<Passenger> => {
      const ready = await materialise(task, own, info, signal)
      const { exact: _, ...travelling } = travellingOptions(given)
      return { ...passengerOf(task, given), request: requestMessage(task, ready, travelling), work }
    }
    return this.#begin(task, given, prepare) as AnyRun as RunOf<Task, Options>
  }

  override resume(snapshot: Uint8Array, options: ResumeOptions = {}): AnyRun {
    this.#checkOpen()
    const header = checkSnapshot(snapshot, options, RESUME_FIELDS)
    this.#checkFit(header, options.exact ?? true)
    const own = new Uint8Array(snapshot)
    const work = { rows: workOf(header.task, {} as never, undefined).rows, steps: header.steps }
    const given = named(options)
    return this.#begin(header.task, given, async () => ({ ...passengerOf(header.task, given), snapshot: own, work }))
  }

  async decodeStep(step: StepData, options: PreviewOptions = {}): Promise<RawImage | Uint8Array> {
    this.#checkOpen()
    return (await this.#roster.anyone()).link.decode(step, options)
  }

  override async info(): Promise<ModelInfo> {
    this.#checkOpen()
    return this.#roster.info
  }

  override async stats(): Promise<PoolStats> {
    this.#checkOpen()
    return poolStats(await Promise.all(this.#roster.members.map(memberStats)), this.#roster.waiting)
  }

  /**
   * Starts every member again, one after the other, while the others go on: with new weights, or, to be rid of what has gathered, with the same.
   * No run is lost. With the same weights the runs of a member go on elsewhere at once; with new ones they end as they began.
   *
   * @throws What `loadModel` throws for the new weights; the members not yet started again keep the old ones.
   */
  async restart(options: RestartOptions = {}): Promise<void> {
    this.#checkOpen()
    checkOptions('restart', options, { fields: RESTART_FIELDS })
    const done = this.#restarting.then(() => this.#restart(options))
    this.#restarting = done.catch(() => undefined)
    return done
  }

  override async close(options: CloseOptions = {}): Promise<void> {
    checkOptions('close', options, { fields: CLOSE_FIELDS })
    return (this.#closing ??= this.#close(options))
  }

  async #close({ timeoutMs = 0, reason = closedError() }: CloseOptions): Promise<void> {
    await this.#runs.end(timeoutMs, reason)
    await this.#roster.close()
  }

  async #restart({ source, timeoutMs }: RestartOptions): Promise<void> {
    const loads: readonly MemberLoad[] =
      source === undefined ? this.#roster.members.map(({ load }) => load) : memberLoads(await findSource(source), this.#options)
    for (const [i, load] of loads.entries()) {
      this.#checkOpen()
      await this.#roster.replace(i, load, { move: source === undefined, timeoutMs })
    }
  }

  #begin(task: TaskName, options: ResumeOptions, prepare: (signal: AbortSignal) => Promise<Passenger>): RemoteRun {
    const { exact: _, ...own } = options
    let pooled: PooledRun | undefined
    const run = remoteRun({
      task,
      options: own,
      maxQueueMs: this.#options.scheduler?.maxQueueMs,
      prepare: async (signal) => {
        const passenger = await prepare(signal)
        return {
          scale: this.#roster.info.scale,
          depart: (wake) => {
            pooled = new PooledRun(passenger, this.#roster, wake)
            this.#roster.place(pooled)
            return pooled.far
          },
        }
      },
      draw: (step, asked) => this.decodeStep(step, asked),
      remask: (region, image) => pooled!.remaskRegion(region, image),
    })
    return this.#runs.add(run)
  }

  // As a model says it, in the words of the member that comes nearest.
  #checkFit(header: SnapshotHeader, exact: boolean): void {
    const fits = this.#roster.members.flatMap(({ info }) => (info ? [fit(header, info)] : []))
    if (fits.includes('exactly') || (!exact && fits.includes('inexactly'))) return
    if (fits.includes('inexactly')) {
      throw invalid(
        `resume: expected a snapshot of precision and variant of a member, got one of ${header.precision}, '${header.variant}'; exact: false goes on all the same, with other bits`,
      )
    }
    const { name, sha256 } = this.#roster.info
    throw invalid(
      `resume: expected a snapshot of model ${name} (${sha256.slice(0, 16)}), got one of ${header.model.name} (${header.model.sha256.slice(0, 16)})`,
    )
  }

  #checkOpen(): void {
    if (this.#closing) throw closedError()
  }
}

type Named = ResumeOptions & { readonly id: string }

// The same name in events here and there.
function named({ id = `run-${randomUUID()}`, ...options }: ResumeOptions): Named {
  return { ...options, id }
}

function passengerOf(task: TaskName, options: Named): Pick<Passenger, 'id' | 'task' | 'options'> {
  return { id: options.id, task, options: travellingOptions(options) }
}

function closedError(): DimooError {
  return new DimooError('disposed', 'the pool was closed')
}
