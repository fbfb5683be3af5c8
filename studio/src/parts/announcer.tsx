// What a screen reader says while runs go on: their beginning, quarters of the way, and how they end.
import { signal, useSignalEffect } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { current } from '../runs/runs.js'

const said = signal('')

export function announce(words: string): void {
  said.value = words
}

export function Announcer() {
  const last = useRef('')
  useSignalEffect(() => {
    const run = current.value
    if (!run) return
    const words = wordsOf(run)
    if (words === '' || words === last.current) return
    last.current = words
    announce(words)
  })
  return (
    <p class="unseen" role="status" aria-live="polite">
      {said.value}
    </p>
  )
}

function wordsOf(run: NonNullable<typeof current.value>): string {
  const name = run.prompt === '' ? 'The run' : `“${run.prompt.slice(0, 60)}”`
  switch (run.state.value) {
    case 'done':
      return `${name} is finished.`
    case 'failed':
    case 'aborted':
      return run.problem.value
    case 'paused':
      return `${name} is paused.`
    case 'queued':
      return `${name} waits for its turn.`
    default: {
      const { step = 0, steps = 1 } = run.progress.value ?? {}
      const quarter = Math.floor((4 * (step + 1)) / steps)
      return quarter === 0 || quarter === 4 ? '' : `${name}: ${quarter * 25} percent.`
    }
  }
}
