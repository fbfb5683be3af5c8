// Progress of a job that counts bytes: one line that redraws itself on a terminal, lines elsewhere, JSON events.
import type { Progress } from '../base/progress.js'
import { writeJson, type Context } from './context.js'
import { paced } from './pace.js'

export interface JobReporter<P extends Progress = Progress> {
  readonly progress: (progress: P) => void
  /** Takes the line of progress off a terminal. */
  readonly clear: () => void
  done(event: object, text: readonly string[]): void
}

/** `more`: what follows the bytes on a line of progress. */
export function makeJobReporter<P extends Progress>(
  context: Context,
  json: boolean,
  more: (progress: P) => string = () => '',
): JobReporter<P> {
  const { stdout, stderr } = context
  if (json) {
    return {
      progress: (progress) => writeJson(stdout, { event: 'progress', ...progress }),
      clear: () => undefined,
      done: (event) => writeJson(stdout, event),
    }
  }
  const clear = (): void => {
    if (stderr.isTTY && !context.quiet) stderr.write('\r\x1b[K')
  }
  const line = paced((text) => stderr.write(`${text}\n`))
  return {
    progress: (progress) => {
      if (context.quiet) return
      const { phase, loadedBytes, totalBytes, fraction } = progress
      const text = `${phase} ${Math.round(fraction * 100)} % (${bytesText(loadedBytes)} of ${bytesText(totalBytes)})${more(progress)}`
      if (stderr.isTTY) stderr.write(`\r${text}\x1b[K`)
      else line(text)
    },
    clear,
    done: (_, text) => {
      clear()
      stdout.write(`${text.join('\n')}\n`)
    },
  }
}

/** Bytes for people: three digits and a binary unit. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 2)} ${units[power]!}`
}
