// Another way from the step that is looked at: with another prompt or seed.
import { useState } from 'preact/hooks'
import type { LiveRun } from '../runs/live-run.js'
import { fork } from '../runs/fork.js'
import { moreSteps, wordsOf } from '../runs/words.js'

export function ForkPanel({ run, onDone }: { readonly run: LiveRun; readonly onDone: () => void }) {
  const [prompt, setPrompt] = useState(run.prompt)
  const [seed, setSeed] = useState('')
  const [problem, complain] = useState('')
  const frame = run.frame.value!
  const [marked, pinned] = [run.marked.value.size, run.pinned.value.size]
  const hasPrompt = typeof run.asked.request['prompt'] === 'string'
  const decided = frame.tokens.length - frame.masked
  const nothing = frame.masked === 0 && marked === 0
  const submit = (event: Event): void => {
    event.preventDefault()
    try {
      fork(run, { ...(hasPrompt && { prompt }), ...(seed !== '' && { seed }) })
      onDone()
    } catch (error) {
      complain(wordsOf(error))
    }
  }
  return (
    <form class="panel" aria-label="Fork" onSubmit={submit}>
      <p>
        {`From step ${frame.step + 1} of ${frame.steps}${moreSteps(run, frame.steps)}: ${decided === 1 ? '1 cell is' : `${decided} cells are`} decided`}
        {marked > 0 && `, ${marked} of them go back to the mask`}
        {pinned > 0 && `, ${pinned} stay as they are`}.
      </p>
      {nothing && <p class="hint">Every cell is decided here: go back on the timeline, or mark cells.</p>}
      {hasPrompt && (
        <label class="field">
          <span>Prompt of the fork</span>
          <textarea rows={2} dir="auto" value={prompt} onInput={(event) => setPrompt(event.currentTarget.value)} />
        </label>
      )}
      <label class="field">
        <span>Seed of the fork</span>
        <input
          type="text"
          inputMode="numeric"
          pattern="\d{1,20}"
          placeholder="random"
          value={seed}
          onInput={(event) => setSeed(event.currentTarget.value)}
        />
      </label>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="toolbar">
        <button type="submit" data-once class="main-action" disabled={nothing}>
          Start the fork
        </button>
        <button type="button" onClick={onDone}>
          Not now
        </button>
      </div>
    </form>
  )
}
