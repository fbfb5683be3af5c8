// The run on the stage: its picture, its timeline, and what one can do to it.
import { useState } from 'preact/hooks'
import type { LiveRun } from '../runs/live-run.js'
import { moreSteps, wordsOf } from '../runs/words.js'
import { runs } from '../runs/runs.js'
import { Family, familyOf } from './family.js'
import { ForkPanel } from './fork-panel.js'
import { beside } from './look.js'
import { LiveCanvas } from './live-canvas.js'
import { Looks } from './looks.js'
import { MarkTools } from './mark-tools.js'
import { ResultBar } from './result-bar.js'
import { saveSnapshot } from './snapshots.js'
import { Timeline } from './timeline.js'

export function RunStage({ run }: { readonly run: LiveRun }) {
  const [problem, complain] = useState('')
  const [forking, fork] = useState(false)
  const over = run.over.value
  const family = familyOf(run, runs.value).length
  const attempt = (work: () => Promise<unknown>) => () => {
    complain('')
    work().catch((error: unknown) => complain(wordsOf(error)))
  }
  return (
    <div class="run-stage">
      {beside.value && family > 1 ? <Family run={run} /> : <LiveCanvas run={run} />}
      <Pictures run={run} />
      <Timeline run={run} />
      <StateLine run={run} />
      <div class="toolbars">
        <div class="toolbar" role="group" aria-label="The run">
          {!over && run.state.value !== 'paused' && (
            <button type="button" onClick={attempt(() => run.pause())}>
              Pause
            </button>
          )}
          {!over && run.state.value === 'paused' && (
            <button type="button" onClick={attempt(() => run.continue())}>
              Go on
            </button>
          )}
          {!over && (
            <button type="button" onClick={() => run.cancel()}>
              Cancel
            </button>
          )}
          {!over && (
            <button type="button" onClick={attempt(() => saveSnapshot(run))}>
              Save the run
            </button>
          )}
          {run.frame.value && (
            <button type="button" aria-expanded={forking} onClick={() => fork(!forking)}>
              Fork…
            </button>
          )}
        </div>
        {run.frame.value && <MarkTools run={run} attempt={attempt} />}
        <Looks />
      </div>
      {family > 1 && (
        <div class="toolbar" role="group" aria-label="Forks">
          <button type="button" aria-pressed={beside.value} onClick={() => (beside.value = !beside.value)}>
            {`Side by side (${family})`}
          </button>
        </div>
      )}
      {forking && run.frame.value && <ForkPanel run={run} onDone={() => fork(false)} />}
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {run.picture.value && <ResultBar run={run} />}
    </div>
  )
}

function Pictures({ run }: { readonly run: LiveRun }) {
  const count = Math.max(run.frames.value.length, run.pictures.value.length)
  if (count < 2) return null
  return (
    <div class="toolbar" role="group" aria-label="Pictures of this run">
      {Array.from({ length: count }, (_, i) => {
        const score = run.pictures.value[i]?.image.score
        return (
          <button key={i} type="button" aria-pressed={run.shown.value === i} onClick={() => (run.shown.value = i)}>
            {i + 1}
            {score !== undefined && `: ${score.toFixed(2)}`}
          </button>
        )
      })}
    </div>
  )
}

function StateLine({ run }: { readonly run: LiveRun }) {
  const { step = -1, steps = 0, elapsedMs = 0 } = run.progress.value ?? {}
  const seconds = (elapsedMs / 1000).toFixed(1)
  const of = `${steps}${moreSteps(run, steps)}`
  const words: Readonly<Record<string, string>> = {
    queued: 'Waiting for its turn',
    running: `Step ${step + 1} of ${of}, ${seconds} s`,
    paused: `Paused at step ${step + 1} of ${of}`,
    done: `Finished after ${step + 1} of ${steps} steps${moreSteps(run, steps)}, ${seconds} s`,
    failed: run.problem.value,
    aborted: run.problem.value,
  }
  return (
    <div class="state-line">
      <progress
        max={Math.max(1, steps)}
        value={run.state.value === 'done' ? Math.max(1, steps) : step + 1}
        aria-label="Progress of the run"
      />
      <p class={run.state.value}>{words[run.state.value]}</p>
      {run.warnings.value.map((warning) => (
        <p key={warning} class="hint">
          {warning}
        </p>
      ))}
    </div>
  )
}
