// A run beside its forks, and what it was forked from: one look at all the ways it could go.
import type { LiveRun } from '../runs/live-run.js'
import { nameOf } from '../schema/tasks.js'
import { chosen, runs } from '../runs/runs.js'
import { LiveCanvas } from './live-canvas.js'

/** The whole tree that a run belongs to, the oldest first. */
export function familyOf(run: LiveRun, all: readonly LiveRun[]): LiveRun[] {
  const parentOf = (one: LiveRun): LiveRun | undefined => all.find(({ id }) => id === one.asked.parent?.id)
  let root = run
  for (let parent = parentOf(root); parent; parent = parentOf(root)) root = parent
  const below = (one: LiveRun): LiveRun[] => [
    one,
    ...all
      .filter(({ asked }) => asked.parent?.id === one.id)
      .reverse()
      .flatMap(below),
  ]
  return below(root)
}

export function Family({ run }: { readonly run: LiveRun }) {
  return (
    <ul class="family" aria-label="This run and its forks">
      {familyOf(run, runs.value).map((one) => (
        <li key={one.id} class={one === run ? 'shown' : ''}>
          <LiveCanvas run={one} />
          <button type="button" class="few-lines" aria-pressed={one === run} onClick={() => (chosen.value = one.id)}>
            {one.asked.parent ? `From step ${one.asked.parent.step + 1}: ` : ''}
            {nameOf(one.asked.task, one.prompt)}
          </button>
        </li>
      ))}
    </ul>
  )
}
