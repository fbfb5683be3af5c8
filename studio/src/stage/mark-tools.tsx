// Marks on a picture: cells that go back to the mask, and cells that stay whatever happens.
import type { LiveRun } from '../runs/live-run.js'
import { retouchMarked } from '../runs/fork.js'
import { brush, hand, type Hand } from './look.js'

const HANDS: readonly (readonly [Hand, string])[] = [
  ['look', 'Look'],
  ['mark', 'Mark'],
  ['pin', 'Pin'],
]

interface Props {
  readonly run: LiveRun
  readonly attempt: (work: () => Promise<unknown>) => () => void
}

export function MarkTools({ run, attempt }: Props) {
  const [marked, pinned] = [run.marked.value.size, run.pinned.value.size]
  // Pinned cells stay whatever is marked.
  const free = [...run.marked.value].filter((cell) => !run.pinned.value.has(cell)).length
  const { grid } = run.frame.value!
  return (
    <div class="toolbar" role="group" aria-label="Cells">
      {HANDS.map(([one, words]) => (
        <button key={one} type="button" aria-pressed={hand.value === one} onClick={() => (hand.value = one)}>
          {words}
        </button>
      ))}
      {hand.value !== 'look' && (
        <label>
          Brush
          <input
            type="range"
            min={1}
            max={Math.max(2, Math.ceil(Math.min(grid.width, grid.height) / 2))}
            value={brush.value}
            aria-valuetext={`${brush.value} cells wide`}
            onInput={(event) => (brush.value = event.currentTarget.valueAsNumber)}
          />
        </label>
      )}
      {free > 0 && !run.over.value && (
        <button type="button" class="main-action" onClick={attempt(() => run.remask())}>
          {`Send ${free} ${free === 1 ? 'cell' : 'cells'} back`}
        </button>
      )}
      {free > 0 && run.picture.value && (
        <button type="button" data-once class="main-action" onClick={attempt(async () => retouchMarked(run))}>
          {`Draw ${free} ${free === 1 ? 'cell' : 'cells'} again`}
        </button>
      )}
      {marked > 0 && (
        <button type="button" onClick={() => (run.marked.value = new Set())}>
          Unmark all
        </button>
      )}
      {pinned > 0 && (
        <button type="button" onClick={() => (run.pinned.value = new Set())}>
          {`Unpin ${pinned}`}
        </button>
      )}
    </div>
  )
}
