// All runs of this page: who waits where, how far each is, and what goes first.
import { useEffect, useState } from 'preact/hooks'
import { go } from '../parts/place.js'
import type { LiveRun } from '../runs/live-run.js'
import { chosen, findAgain, forget, isText, runs } from '../runs/runs.js'
import { nameOf } from '../schema/tasks.js'
import { wordsOf } from '../runs/words.js'
import { OpenRun } from '../stage/open-run.js'
import { Thumbnail } from '../stage/thumbnail.js'

const LOOK_MS = 3000

export function RunsView() {
  useEffect(() => {
    void findAgain()
    const timer = setInterval(() => void findAgain(), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  const going = runs.value.filter((run) => !run.over.value).sort(byTurn)
  const over = runs.value.filter((run) => run.over.value)
  return (
    <div class="view">
      <h2>Going on</h2>
      <OpenRun />
      {going.length === 0 && (
        <p class="hint">Nothing goes on. Runs that were started in this browser are found again here after a reload.</p>
      )}
      <ul class="queue">
        {going.map((run) => (
          <RunItem key={run.id} run={run} place={placeOf(run, going)} />
        ))}
      </ul>
      {over.length > 0 && <h2>Ended</h2>}
      <ul class="queue">
        {over.map((run) => (
          <RunItem key={run.id} run={run} place={0} />
        ))}
      </ul>
    </div>
  )
}

// Larger priorities first, then whoever came first, as the scheduler takes them.
const byTurn = (one: LiveRun, other: LiveRun): number =>
  other.priority.value - one.priority.value || one.asked.created - other.asked.created

function placeOf(run: LiveRun, going: readonly LiveRun[]): number {
  return run.state.value === 'queued' ? 1 + going.filter(({ state }) => state.value === 'queued').indexOf(run) : 0
}

function RunItem({ run, place }: { readonly run: LiveRun; readonly place: number }) {
  const [problem, complain] = useState('')
  const attempt = (work: () => Promise<unknown>) => () => {
    complain('')
    work().catch((error: unknown) => complain(wordsOf(error)))
  }
  const { step = -1, steps = 1 } = run.progress.value ?? {}
  const name = nameOf(run.asked.task, run.prompt)
  const over = run.over.value
  return (
    <li class="queue-item">
      <Thumbnail run={run} />
      <div class="queue-words">
        <p dir="auto" class="few-lines" title={name}>
          {name}
        </p>
        <p class="hint">
          {run.asked.task}
          {run.asked.parent && ', a fork'}, {place > 0 ? `waits at place ${place}` : run.state.value}
          {!over && `, priority ${run.priority.value}`}
        </p>
        {!over && <progress max={steps} value={step + 1} aria-label={`Progress of ${name}`} />}
        {(run.problem.value || problem) !== '' && <p class="problem">{run.problem.value || problem}</p>}
      </div>
      <div class="toolbar">
        {!over && (
          <>
            <button
              type="button"
              aria-label={`${name}: sooner`}
              onClick={attempt(() => run.reprioritise(Math.min(1000, run.priority.value + 1)))}
            >
              Sooner
            </button>
            <button
              type="button"
              aria-label={`${name}: later`}
              onClick={attempt(() => run.reprioritise(Math.max(-1000, run.priority.value - 1)))}
            >
              Later
            </button>
            {run.state.value === 'paused' ? (
              <button type="button" onClick={attempt(() => run.continue())}>
                Go on
              </button>
            ) : (
              <button type="button" onClick={attempt(() => run.pause())}>
                Pause
              </button>
            )}
            <button type="button" aria-label={`${name}: cancel`} onClick={() => run.cancel()}>
              Cancel
            </button>
          </>
        )}
        {!isText(run.asked.task) && (
          <button
            type="button"
            aria-label={`${name}: show`}
            onClick={() => {
              chosen.value = run.id
              go('create')
            }}
          >
            Show
          </button>
        )}
        {over && (
          <button type="button" aria-label={`${name}: put away`} onClick={() => forget(run)}>
            Put away
          </button>
        )}
      </div>
    </li>
  )
}
