// Draws pictures: the form on one side, the picture as it comes into being on the other.
import { current } from '../runs/runs.js'
import { CreateForm } from '../form/create-form.js'
import { RunStage } from '../stage/run-stage.js'
import { RunStrip } from '../stage/run-strip.js'

export function CreateView() {
  const run = current.value
  return (
    <div class="create">
      <CreateForm />
      <section class="stage" aria-label="Picture">
        {run ? <RunStage key={run.id} run={run} /> : <Welcome />}
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
        The model decides a picture cell by cell, the surest cells first. Write what it is to show and press Generate: you can look in at
        every step, hold it, send parts of it back, keep others, and let it go another way from any step on.
      </p>
    </div>
  )
}
