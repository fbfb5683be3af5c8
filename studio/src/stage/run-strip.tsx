// The runs of this page as a tree: forks stand below what they came from.
import type { LiveRun } from '../runs/live-run.js'
import { nameOf } from '../schema/tasks.js'
import { chosen, runs } from '../runs/runs.js'
import { OpenRun } from './open-run.js'
import { Thumbnail } from './thumbnail.js'

export function RunStrip() {
  const all = runs.value.filter(({ asked }) => asked.task !== 'ask' && asked.task !== 'chat')
  const roots = all.filter(({ asked }) => !asked.parent || !all.some(({ id }) => id === asked.parent!.id))
  if (all.length === 0) return null
  return (
    <section class="strip" aria-label="Runs on this page">
      <h2>Runs</h2>
      <OpenRun />
      <Branch runs={roots} all={all} />
    </section>
  )
}

function Branch({ runs: own, all }: { readonly runs: readonly LiveRun[]; readonly all: readonly LiveRun[] }) {
  return (
    <ul>
      {own.map((run) => {
        const forks = all.filter(({ asked }) => asked.parent?.id === run.id)
        return (
          <li key={run.id}>
            <RunCard run={run} />
            {forks.length > 0 && <Branch runs={forks} all={all} />}
          </li>
        )
      })}
    </ul>
  )
}

// Apart, so that a step of one run draws one card.
function RunCard({ run }: { readonly run: LiveRun }) {
  return (
    <button type="button" class="run-card" aria-pressed={chosen.value === run.id} onClick={() => (chosen.value = run.id)}>
      <Thumbnail run={run} />
      <span class="words" dir="auto">
        {nameOf(run.asked.task, run.prompt)}
      </span>
      <span class="hint">{stateWords(run)}</span>
    </button>
  )
}

function stateWords(run: LiveRun): string {
  const { step = 0, steps = 0 } = run.progress.value ?? {}
  const from = run.asked.parent ? `from step ${run.asked.parent.step + 1}, ` : ''
  return `${from}${run.state.value === 'running' ? `${step + 1} / ${steps}` : run.state.value}`
}
