// What can be done with a finished picture.
import { fillIn, put, seedWay, task } from '../form/draft.js'
import { isGiven, withFile, type Given } from '../pictures/picture.js'
import { compare, showMask } from './look.js'
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
      <button type="button" onClick={() => fillIn(run.asked.task, run.asked.request)}>
        Use its settings
      </button>
      <button
        type="button"
        onClick={() => {
          put('image', withFile({ image: image.image, tokens: image.tokens, parameters: image.parameters }, file))
          if (task.value === 'generate') task.value = 'edit'
          showMask.value = true
        }}
      >
        Use as input
      </button>
      {originalOf(run) && (
        <label>
          <input
            type="checkbox"
            checked={compare.value !== undefined}
            onChange={(event) => (compare.value = event.currentTarget.checked ? 50 : undefined)}
          />
          Over the original
        </label>
      )}
      {originalOf(run) && compare.value !== undefined && (
        <input
          type="range"
          aria-label="How much of the original is shown"
          aria-valuetext={`${compare.value} percent`}
          min={0}
          max={100}
          value={compare.value}
          onInput={(event) => (compare.value = event.currentTarget.valueAsNumber)}
        />
      )}
      <p class="hint">
        Seed {image.seed}
        {image.score !== undefined && `, score ${image.score.toFixed(3)}`}
      </p>
    </div>
  )
}

/** The picture that it was made from. */
export function originalOf({ asked }: LiveRun): Given | undefined {
  const { image, from } = asked.request
  return isGiven(image) ? image : isGiven(from) ? from : undefined
}
