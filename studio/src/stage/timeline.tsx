// All steps of a picture to look back at, during the run and after it.
import type { LiveRun } from '../runs/live-run.js'

export function Timeline({ run }: { readonly run: LiveRun }) {
  const frames = run.frames.value[run.shown.value] ?? []
  const last = frames.at(-1)
  if (!last) return <div class="timeline" aria-hidden="true" />
  const at = run.at.value ?? last.step
  const frame = run.frame.value!
  const total = frame.tokens.length
  return (
    <div class="timeline">
      <button type="button" class="quiet" aria-label="One step back" disabled={at <= frames[0]!.step} onClick={() => look(run, at - 1)}>
        ‹
      </button>
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={`step ${frame.step + 1} of ${frame.steps}, ${total - frame.masked} of ${total} cells decided`}
        min={0}
        max={last.step}
        value={at}
        onInput={(event) => look(run, event.currentTarget.valueAsNumber)}
      />
      <button type="button" class="quiet" aria-label="One step on" disabled={at >= last.step} onClick={() => look(run, at + 1)}>
        ›
      </button>
      <output>
        {frame.step + 1} / {frame.steps}
      </output>
      <button type="button" class="quiet" disabled={run.at.value === undefined} onClick={() => (run.at.value = undefined)}>
        Newest
      </button>
    </div>
  )
}

function look(run: LiveRun, step: number): void {
  const last = run.frames.value[run.shown.value]!.at(-1)!.step
  run.at.value = step >= last ? undefined : Math.max(0, step)
}
