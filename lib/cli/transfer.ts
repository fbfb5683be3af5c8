// What is said of a download that a command waits for: on standard error, also by commands that say nothing else there.
import type { PullProgress } from '../hub/index.js'
import type { Progress } from '../base/progress.js'
import type { Context } from './context.js'
import { bytesText, makeJobReporter } from './job-report.js'

/** Shows the progress of downloads and passes on that of everything else. */
export function withDownloads(context: Context, next: (progress: Progress) => void): (progress: Progress) => void {
  const { progress: show, clear } = makeJobReporter<Progress>(context, false, transferText)
  return (progress) => {
    if (progress.phase !== 'download') {
      next(progress)
      return
    }
    show(progress)
    if (progress.fraction === 1) clear()
  }
}

/** `download 41 % (3.10 GiB of 7.50 GiB), 52.10 MiB/s, 1:24 left`. */
export function transferText(progress: Progress): string {
  const { bytesPerSecond = 0, secondsLeft = Infinity } = progress as Partial<PullProgress>
  if (bytesPerSecond === 0 || !Number.isFinite(secondsLeft)) return ''
  const [hours, minutes, seconds] = [secondsLeft / 3600, (secondsLeft / 60) % 60, secondsLeft % 60].map(Math.floor) as [
    number,
    number,
    number,
  ]
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
  return `, ${bytesText(bytesPerSecond)}/s, ${time} left`
}
