// A runner at the service of whoever is at the other end of a channel: what `link.ts` asks is done on real runs, and told back.
import { invalid } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import type { RunOptions } from '../requests/types/index.js'
import type { Runner, StepDrawer } from '../runner/runner.js'
import { snapshotHeader } from '../snapshot/index.js'
import type { AnyRun, StepData } from '../run/types.js'
import type { Channel } from './channel.js'
import { asFrame, errorMessage, messageOf, type Asked, type Told } from './frames.js'
import { ServedRun } from './served-run.js'

export interface ServeOptions {
  /** Between snapshots of a run that goes on, in milliseconds. */
  readonly snapshotEveryMs: number
  /** The other end has gone; its runs are aborted by then. */
  readonly left: () => void
}

/** A run under way, from its step `from` on. */
interface Begun {
  readonly run: AnyRun
  readonly options: RunOptions
  readonly from: number
}

/** Serves until the channel closes. */
export function serveRunner(runner: Runner & StepDrawer, channel: Channel, { snapshotEveryMs, left }: ServeOptions): void {
  const runs = new Map<number, ServedRun>()
  const tell = (told: Told): void => channel.send(asFrame(told))
  const answer = (call: number, work: () => unknown): void => {
    void Promise.resolve()
      .then(work)
      .then(
        (value) => tell({ kind: 'answer', call, value }),
        (error: unknown) => tell({ kind: 'answer', call, message: errorMessage(error) }),
      )
  }
  const begin = (number: number, start: () => Begun): void => {
    try {
      const ended = (): unknown => runs.delete(number)
      const { run, options, from } = start()
      const everyStep = options.delivery === 'all'
      runs.set(number, new ServedRun(run, (told) => tell({ ...told, run: number }), { snapshotEveryMs, everyStep, from, ended }))
    } catch (error) {
      tell({ kind: 'end', run: number, message: errorMessage(error) })
    }
  }
  const asked = (frame: Asked): void => {
    switch (frame.kind) {
      case 'run':
        begin(frame.run, () => startRun(runner, frame.message))
        return
      case 'resume':
        begin(frame.run, () => {
          const { bytes, options } = frame
          return { run: runner.resume(bytes, options), options, from: snapshotHeader(bytes).step }
        })
        return
      case 'decode':
        answer(frame.call, () => runner.decodeStep(frame.step as StepData, frame.options))
        return
      case 'info':
      case 'stats':
        answer(frame.call, () => runner[frame.kind]())
        return
      case 'close':
        answer(frame.call, () => runner.close({ timeoutMs: frame.timeoutMs }))
        return
      case 'remask':
        answer(frame.call, () => {
          const run = runs.get(frame.run)
          if (!run) throw invalid('remask: expected a run that goes on, got one that has ended')
          return run.remask(frame.region as MaskInput, frame.image)
        })
        return
      default:
        runs.get(frame.run)?.[frame.kind]()
    }
  }
  channel.listen({
    frame: (frame) => asked(frame as unknown as Asked),
    closed: () => {
      for (const run of runs.values()) run.abort()
      left()
    },
  })
}

function startRun(runner: Runner, bytes: Uint8Array): Begun {
  const message = messageOf(bytes)
  if (message.kind !== 'request') throw new TypeError(`expected a request, got a ${message.kind}`)
  const { task, request, options } = message
  return { run: runner.run(task, request, options), options, from: 0 }
}
