// What can be done with a finished picture.
import { put, seedWay, task, values } from '../form/draft.js'
import { download, fileName } from '../parts/download.js'
import type { LiveRun } from '../runs/live-run.js'

export function ResultBar({ run }: { readonly run: LiveRun }) {
  const picture = run.picture.value!
  const { image, file } = picture
  return (
    <div class="toolbar" role="group" aria-label="The picture">
      <button type="button" onClick={() => download(file, fileName(`${run.prompt} ${image.seed}`, 'png'))}>
        Download
      </button>
      <button
        type="button"
        onClick={() => {
          put('seed', image.seed)
          seedWay.value = 'locked'
        }}
      >
        Use its seed
      </button>
      <button type="button" onClick={() => repeat(run)}>
        Use its settings
      </button>
      <p class="hint">
        Seed {image.seed}
        {image.score !== undefined && `, score ${image.score.toFixed(3)}`}
      </p>
    </div>
  )
}

function repeat({ asked }: LiveRun): void {
  task.value = asked.task
  const { start: _, ...request } = asked.request
  values.value = { ...values.value, ...request }
}
