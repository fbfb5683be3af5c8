// Runs that begin from another one's step: with another seed or prompt, marked cells masked again, pinned ones kept.
import type { LiveRun } from './live-run.js'
import { chosen, start } from './runs.js'
import { withFile } from '../pictures/picture.js'
import type { Frame } from './frames.js'
import { presetOf } from '../schema/schema.js'
import { info } from '../server/connection.js'

export interface Changes {
  readonly prompt?: string
  readonly seed?: string
}

/** From the step that is looked at. */
export function fork(run: LiveRun, changes: Changes): LiveRun {
  const frame = run.frame.value!
  const { request, task, id } = run.asked
  const { preset, ...spelt } = request
  // One picture is forked: of a preset the rest counts.
  const { start: _, n: __, bestOf: ___, ...rest } = { ...presetOf(task, preset, info.value), ...spelt } as Readonly<Record<string, unknown>>
  const tokens = frame.tokens.slice()
  for (const cell of run.marked.value) if (!run.pinned.value.has(cell)) tokens[cell] = -1
  const pinned = [...run.pinned.value].filter((cell) => tokens[cell] !== -1)
  const forked = start(
    {
      task,
      request: {
        ...rest,
        ...changes,
        steps: frame.steps,
        start: { tokens, step: stepOf(frame, tokens), ...(pinned.length > 0 && { pinned: Uint32Array.from(pinned) }) },
      },
      parent: { id, step: frame.step },
      steps: run.askedSteps,
    },
    tokens.length,
  )
  forked.pinned.value = new Set(pinned)
  chosen.value = forked.id
  return forked
}

// Where everything was decided and cells were marked, half of the steps are left for them.
function stepOf({ step, steps }: Frame, tokens: Int32Array): number {
  return step >= steps - 1 && tokens.includes(-1) ? Math.max(0, Math.floor(steps / 2) - 1) : step
}

/** The marked cells of a finished picture, drawn again; no other cell changes. */
export function retouchMarked(run: LiveRun): LiveRun {
  const { image, file } = run.picture.value!
  const cells = [...run.marked.value].filter((cell) => !run.pinned.value.has(cell))
  const frame = run.frame.value!
  const steps = run.askedSteps ?? frame.steps
  const made = withFile({ image: image.image, tokens: image.tokens, parameters: image.parameters }, file)
  const request = { prompt: run.prompt, steps, from: made, region: Uint32Array.from(cells) }
  const again = start({ task: 'retouch', request, parent: { id: run.id, step: frame.steps - 1 } }, image.tokens.length)
  chosen.value = again.id
  return again
}
