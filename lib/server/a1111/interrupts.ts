// The web UI's button "Interrupt": whoever waits for the run gets its pictures as far as they came, as a result, not as an error.
import { encodeImage } from '../../image/encode.js'
import type { ImageStep } from '../../run/steps.js'
import type { ImageRun } from '../../run/types.js'
import type { Asked } from '../openai/asked.js'
import type { AnyStep } from '../runs/held-parts.js'
import type { HeldRun } from '../runs/held-run.js'

export class Interrupts {
  readonly #runs = new WeakSet<HeldRun>()

  interrupt(run: HeldRun): void {
    this.#runs.add(run)
    run.abort(new DOMException('the run was aborted: its client interrupted it', 'AbortError'))
  }

  /** It ended by this, and somebody still waits. */
  ended({ run, signal }: Asked): boolean {
    return this.#runs.has(run) && run.state === 'aborted' && !signal.aborted
  }
}

/** The last step of each picture so far, the first picture first, until `stop`. */
export function lastSteps(run: HeldRun): { readonly steps: () => ImageStep[]; readonly stop: () => void } {
  const last = new Map<number, ImageStep>()
  const take = (step: AnyStep): void => {
    if (step.kind === 'image') last.set(step.image, step)
  }
  return { steps: () => [...last.values()].sort((a, b) => a.image - b.image), stop: run.onStep(take, { past: true }) }
}

/** The step as a PNG: the model's present guess. */
export async function drawn(run: HeldRun, step: ImageStep): Promise<Uint8Array> {
  return encodeImage(await (run.run as ImageRun).decode(step, { quality: 'full' }), 'png')
}
