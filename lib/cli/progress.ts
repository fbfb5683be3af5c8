// How far a run is, in one of four ways: a bar that redraws itself on a terminal, lines elsewhere, JSON events, nothing.
import type { Progress } from '../base/progress.js'
import type { ImageStep } from '../run/steps.js'
import { writeJson, type Context } from './context.js'
import { paced } from './pace.js'

export interface Reporter {
  loading(progress: Progress): void
  /** `picture`: lines to draw above the bar. */
  step(step: ImageStep, picture?: readonly string[]): void
  /** The end; `event` is what `--json` prints, `text` what a person reads, one line each. */
  done(event: object, text: readonly string[]): void
}

/** For commands whose output is text: nothing is drawn beside it. */
export const silentLoading: Pick<Reporter, 'loading'> = { loading: () => undefined }

/** `pictures`: how many the run decodes together. Whether it is to be quiet is looked up when there is something to say. */
export function makeReporter(context: Context, json: boolean, pictures = 1): Reporter {
  if (json) return jsonReporter(context)
  if (context.quiet) return quietReporter(context)
  return context.stderr.isTTY ? barReporter(context, pictures) : lineReporter(context, pictures)
}

/** Adds up what all pictures of a run say. */
class Tally {
  readonly #last = new Map<number, ImageStep>()
  readonly #pictures: number

  constructor(pictures: number) {
    this.#pictures = pictures
  }

  /** The share of the work that is done, and a line that says so. */
  add(step: ImageStep): { readonly fraction: number; readonly text: string } {
    this.#last.set(step.image, step)
    const seen = [...this.#last.values()]
    const unseen = this.#pictures - seen.length
    const done = seen.reduce((sum, one) => sum + one.step + 1, 0) / this.#pictures
    const masked = seen.reduce((sum, one) => sum + one.masked, 0) + unseen * Math.max(...seen.map((one) => one.masked))
    const secondsLeft = (step.elapsedMs / done) * (step.steps - done) * 1e-3
    const of = this.#pictures > 1 ? ` of ${this.#pictures} pictures` : ''
    return {
      fraction: done / step.steps,
      text: `step ${Math.floor(done)}/${step.steps}${of}, ${masked} masked, ${secondsLeft.toFixed(1)} s left`,
    }
  }
}

function jsonReporter({ stdout }: Context): Reporter {
  return {
    loading: (progress) => writeJson(stdout, { event: 'load', ...progress }),
    step: ({ image, step, steps, masked, skipped, elapsedMs }) =>
      writeJson(stdout, { event: 'step', image, step, steps, masked, skipped, elapsedMs }),
    done: (event) => writeJson(stdout, event),
  }
}

function quietReporter({ stdout }: Context): Reporter {
  return { ...silentLoading, step: () => undefined, done: (_, text) => stdout.write(text.map((line) => `${line}\n`).join('')) }
}

function lineReporter({ stdout, stderr }: Context, pictures: number): Reporter {
  const tally = new Tally(pictures)
  const write = paced((text) => stderr.write(`${text}\n`))
  return {
    loading: ({ phase, fraction }) => write(`${phase} ${Math.round(fraction * 100)} %`),
    step: (step) => write(tally.add(step).text),
    done: (_, text) => stdout.write(text.map((line) => `${line}\n`).join('')),
  }
}

const BAR = 24

function barReporter({ stdout, stderr }: Context, pictures: number): Reporter {
  const tally = new Tally(pictures)
  let drawn = 0
  let above: readonly string[] = []
  const draw = (lines: readonly string[]): void => {
    const up = drawn > 0 ? `\x1b[${drawn}A` : ''
    stderr.write(`${up}\r${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`)
    drawn = lines.length
  }
  const line = (fraction: number, text: string): string => bar(fraction, text, stderr.columns || 80)
  return {
    loading: ({ phase, fraction }) => draw([line(fraction, `${phase} ${Math.round(fraction * 100)} %`)]),
    step: (step, picture) => {
      above = picture ?? above
      const { fraction, text } = tally.add(step)
      draw([...above, line(fraction, text)])
    },
    done: (_, text) => {
      draw(above)
      stdout.write(text.map((line) => `${line}\n`).join(''))
    },
  }
}

/** One line, however narrow the terminal: a wrapped one could not be drawn over. */
export function bar(fraction: number, text: string, columns: number): string {
  const full = Math.round(Math.min(1, fraction) * BAR)
  return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${text}`.slice(0, columns - 1)
}
