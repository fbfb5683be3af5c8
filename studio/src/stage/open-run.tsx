// A run that was saved as a file goes on here.
import { useRef, useState } from 'preact/hooks'
import { wordsOf } from '../runs/words.js'
import { openSnapshot, SNAPSHOT_ENDING } from './snapshots.js'

export function OpenRun() {
  const file = useRef<HTMLInputElement>(null)
  const [problem, complain] = useState('')
  const open = async (chosen: File): Promise<void> => {
    try {
      await openSnapshot(chosen)
      complain('')
    } catch (error) {
      complain(wordsOf(error))
    }
  }
  return (
    <div class="toolbar">
      <button type="button" onClick={() => file.current!.click()}>
        Open a saved run…
      </button>
      <input
        ref={file}
        type="file"
        accept={`.${SNAPSHOT_ENDING}`}
        aria-label="Saved run"
        class="unseen"
        tabIndex={-1}
        onChange={(event) => {
          const [chosen] = event.currentTarget.files ?? []
          event.currentTarget.value = ''
          if (chosen) void open(chosen)
        }}
      />
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}
