// Draws pictures: the form on one side, the picture as it comes into being (or the mask of the given one) on the other.
import { CreateForm } from '../form/create-form.js'
import { mainPicture, mainSize, regionField } from '../form/given.js'
import { MaskEditor } from '../mask/mask-editor.js'
import { current } from '../runs/runs.js'
import { showMask } from '../stage/look.js'
import { RunStage } from '../stage/run-stage.js'
import { RunStrip } from '../stage/run-strip.js'
import { OpenRun } from '../stage/open-run.js'

export function CreateView() {
  const run = current.value
  const [picture, size] = [mainPicture.value, mainSize.value]
  const hasMask = regionField.value !== undefined && picture !== undefined && size !== undefined
  const masking = hasMask && (showMask.value || !run)
  return (
    <div class="create">
      <CreateForm />
      <section class="stage" aria-label="Picture">
        {hasMask && run && (
          <div class="toolbar" role="group" aria-label="On the stage">
            <button type="button" aria-pressed={masking} onClick={() => (showMask.value = true)}>
              Mask
            </button>
            <button type="button" aria-pressed={!masking} onClick={() => (showMask.value = false)}>
              Picture
            </button>
          </div>
        )}
        {masking ? <MaskEditor picture={picture} size={size} /> : run ? <RunStage key={run.id} run={run} /> : <Welcome />}
      </section>
      <RunStrip />
    </div>
  )
}

function Welcome() {
  return (
    <div class="welcome">
      <h2>See a picture come into being</h2>
      <p>
        The model decides a picture cell by cell, the surest cells first. Write what it is to show and press the button: you can look in at
        every step, hold it, send parts of it back, keep others, and let it go another way from any step on.
      </p>
      <OpenRun />
    </div>
  )
}
