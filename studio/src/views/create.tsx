// Draws pictures: the form on one side, the picture as it comes into being (or the given one with its mask or its border) on the other.
import { CreateForm } from '../form/create-form.js'
import { task } from '../form/draft.js'
import { mainPicture, mainSize, regionField } from '../form/given.js'
import { BorderPreview } from '../mask/border-preview.js'
import { MaskEditor } from '../mask/mask-editor.js'
import type { Given, Size } from '../pictures/picture.js'
import { current } from '../runs/runs.js'
import { showMask } from '../stage/look.js'
import { RunStage } from '../stage/run-stage.js'
import { RunStrip } from '../stage/run-strip.js'
import { OpenRun } from '../stage/open-run.js'

export function CreateView() {
  const run = current.value
  const [picture, size] = [mainPicture.value, mainSize.value]
  const hasMask = regionField.value !== undefined && picture !== undefined && size !== undefined
  const hasBorder = task.value === 'outpaint' && picture !== undefined && size !== undefined
  const prepares = (hasMask || hasBorder) && (showMask.value || !run)
  return (
    <div class="create">
      <CreateForm />
      <section class="stage" aria-label="Picture">
        {(hasMask || hasBorder) && run && (
          <div class="toolbar" role="group" aria-label="On the stage">
            <button type="button" aria-pressed={prepares} onClick={() => (showMask.value = true)}>
              {hasMask ? 'Mask' : 'Border'}
            </button>
            <button type="button" aria-pressed={!prepares} onClick={() => (showMask.value = false)}>
              Picture
            </button>
          </div>
        )}
        {prepares ? <Prepared picture={picture} size={size} /> : run ? <RunStage key={run.id} run={run} /> : <Welcome />}
      </section>
      <RunStrip />
    </div>
  )
}

function Prepared(props: { readonly picture: Given; readonly size: Size }) {
  return task.value === 'outpaint' ? <BorderPreview {...props} /> : <MaskEditor {...props} />
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
