// How far a run is, in one of three ways: a bar that redraws itself on a terminal, plain lines elsewhere, JSON events.
import type { Progress } from '../base/progress.js'
import type { ImageStep } from '../run/steps.js'
import { writeJson, type Context } from './context.js'

export interface Reporter {
  loading(progress: Progress): void
  /** `picture`: lines to draw above the bar. */
  step(step: ImageStep, picture?: readonly string[]): void
  /** The end; `event` is what `--json` prints, `text` what a person reads, one line each. */
  done(event: object, text: readonly string[]): void
}

/** For commands whose output is text: nothing is drawn beside it. */
export const silentLoading: Pick<Reporter, 'loading'> = { loading: () => undefined }

export function makeReporter(context: Context, json: boolean): Reporter {
  if (json) return jsonReporter(context)
  return context.stderr.isTTY ? barReporter(context) : lineReporter(context)
}

/** Counts what is masked over all pictures of a run. */
class Tally {
  readonly #masked = new Map<number, number>()

  add(step: ImageStep): { done: number; steps: number; masked: number; secondsLeft: number } {
    this.#masked.set(step.image, step.masked)
    const masked = [...this.#masked.values()].reduce((sum, count) => sum + count, 0)
    const done = step.step + 1
    return { done, steps: step.steps, masked, secondsLeft: ((step.steps - done) * step.elapsedMs) / done / 1000 }
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

function lineReporter({ stdout, stderr }: Context): Reporter {
  const tally = new Tally()
  let last = -1
  return {
    loading: () => undefined,
    step: (step) => {
      const { done, steps, masked, secondsLeft } = tally.add(step)
      if (done === last) return // the same step of another picture
      last = done
      stderr.write(`step ${done}/${steps}, ${masked} masked, ${secondsLeft.toFixed(1)} s left\n`)
    },
    done: (_, text) => stdout.write(`${text.join('\n')}\n`),
  }
}

const BAR = 24

function barReporter({ stdout, stderr }: Context): Reporter {
  const tally = new Tally()
  let drawn = 0
  let above: readonly string[] = []
  const draw = (lines: readonly string[]): void => {
    const up = drawn > 0 ? `\x1b[${drawn}A` : ''
    stderr.write(`${up}\r${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`)
    drawn = lines.length
  }
  // One line, however narrow the terminal: a wrapped one could not be drawn over.
  const bar = (fraction: number, text: string): string => {
    const full = Math.round(Math.min(1, fraction) * BAR)
    return `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${text}`.slice(0, (stderr.columns || 80) - 1)
  }
  return {
    loading: ({ phase, fraction }) => draw([bar(fraction, `${phase} ${Math.round(fraction * 100)} %`)]),
    step: (step, picture) => {
      above = picture ?? above
      const { done, steps, masked, secondsLeft } = tally.add(step)
      draw([...above, bar(done / steps, `step ${done}/${steps}, ${masked} masked, ${secondsLeft.toFixed(1)} s left`)])
    },
    done: (_, text) => {
      draw(above)
      stdout.write(`${text.join('\n')}\n`)
    },
  }
}
