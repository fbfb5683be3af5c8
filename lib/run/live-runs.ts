// The runs that a runner has begun and that go on. Held weakly: a run that nobody else holds must be collected, which stops it.
import { isOver } from './states.js'
import type { RunState } from './types.js'

interface LiveRun {
  readonly state: RunState
  abort(reason?: unknown): void
  /** Resolves when it has ended, whatever the way. */
  ended(): Promise<void>
}

export class LiveRuns<Run extends LiveRun> {
  readonly #runs = new Set<WeakRef<Run>>()

  add(run: Run): Run {
    for (const known of this.#runs) {
      const state = known.deref()?.state
      if (state === undefined || isOver(state)) this.#runs.delete(known)
    }
    this.#runs.add(new WeakRef(run))
    return run
  }

  /** Lets them go on for at most `timeoutMs`, then aborts what is left. */
  async end(timeoutMs: number, reason: unknown): Promise<void> {
    const runs = [...this.#runs].flatMap((run) => run.deref() ?? [])
    if (timeoutMs > 0) await Promise.race([Promise.all(runs.map((run) => run.ended())), timeout(timeoutMs)])
    for (const run of runs) run.abort(reason)
  }
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
