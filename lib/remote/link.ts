// This end of a channel at whose other end `serve.ts` serves a runner: runs by number, questions by number, answers in any order.
import { DimooError, errorFromData } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import type { ModelInfo } from '../native/info.js'
import type { PreviewOptions, ResumeOptions } from '../requests/types/index.js'
import type { StepData } from '../run/types.js'
import type { SchedulerStats } from '../runner/runner.js'
import type { Channel, Frame } from './channel.js'
import type { Drawn, FarEnd, FarStep } from './far.js'
import { asFrame, endOf, messageOf, type Asked, type Told } from './frames.js'

/** What is told of a run on the other side. */
export interface RunEars {
  step(step: FarStep): void
  /** No more steps will come. */
  dry(): void
  running(): void
  /** The snapshot that was asked for. */
  taken(bytes: Uint8Array, step: number): void
  /** There is none: the run is about to end. */
  noSnapshot(): void
  /** A snapshot that nobody asked for. */
  checkpoint(bytes: Uint8Array, step: number): void
  end(end: FarEnd): void
}

interface Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Command = 'pull' | 'abort' | 'snapshot' | 'pause' | 'continue'

/** A run on the other side. */
export interface LinkedRun {
  tell(command: Command): void
  remask(region: MaskInput, image: number): Promise<void>
}

export class Link {
  readonly #channel: Channel
  readonly #runs = new Map<number, RunEars>()
  readonly #calls = new Map<number, Call>()
  readonly #extra: (frame: Frame) => void
  readonly #lost: () => void
  #number = 0
  #open = true

  /** `extra` gets the frames that are not of a runner; `lost` is called once, when nothing can come any more: its runs were told nothing. */
  constructor(channel: Channel, { extra, lost }: { readonly extra: (frame: Frame) => void; readonly lost: () => void }) {
    this.#channel = channel
    this.#extra = extra
    this.#lost = lost
    channel.listen({ frame: (frame) => this.#told(frame), closed: () => this.#closed() })
  }

  get open(): boolean {
    return this.#open
  }

  /** `request`: a message of that kind. */
  run(request: Uint8Array, ears: RunEars): LinkedRun {
    return this.#begin(ears, (run) => ({ kind: 'run', run, message: request }))
  }

  resume(snapshot: Uint8Array, options: ResumeOptions, ears: RunEars): LinkedRun {
    return this.#begin(ears, (run) => ({ kind: 'resume', run, bytes: snapshot, options }))
  }

  decode(step: StepData, options: PreviewOptions): Promise<Drawn> {
    const { grid, tokens, guess } = step
    return this.#call((call) => ({ kind: 'decode', call, step: { grid, tokens, guess }, options })) as Promise<Drawn>
  }

  info(): Promise<ModelInfo> {
    return this.#call((call) => ({ kind: 'info', call })) as Promise<ModelInfo>
  }

  stats(): Promise<SchedulerStats> {
    return this.#call((call) => ({ kind: 'stats', call })) as Promise<SchedulerStats>
  }

  async close(timeoutMs: number): Promise<void> {
    await this.#call((call) => ({ kind: 'close', call, timeoutMs }))
  }

  #begin(ears: RunEars, frame: (run: number) => Asked): LinkedRun {
    const run = ++this.#number
    this.#runs.set(run, ears)
    this.#send(frame(run))
    return {
      tell: (kind) => {
        if (kind === 'abort') this.#runs.delete(run)
        this.#send({ kind, run })
      },
      remask: async (region, image) => {
        await this.#call((call) => ({ kind: 'remask', run, call, region, image }))
      },
    }
  }

  #call(frame: (call: number) => Asked): Promise<unknown> {
    if (!this.#open) return Promise.reject(lostError())
    const number = ++this.#number
    return new Promise((resolve, reject) => {
      this.#calls.set(number, { resolve, reject })
      this.#send(frame(number))
    })
  }

  #send(asked: Asked): void {
    this.#channel.send(asFrame(asked))
  }

  #told(frame: Frame): void {
    const told = frame as unknown as Told
    if (told.kind === 'answer') this.#answered(told)
    else if (typeof frame.run === 'number') {
      const ears = this.#runs.get(frame.run)
      if (ears) hear(ears, told)
      if (told.kind === 'end') this.#runs.delete(frame.run)
    } else this.#extra(frame)
  }

  #answered({ call, value, message }: Extract<Told, { kind: 'answer' }>): void {
    const asked = this.#calls.get(call)
    this.#calls.delete(call)
    const end = message && messageOf(message)
    if (end?.kind === 'error') asked?.reject(errorFromData(end.error))
    else asked?.resolve(value)
  }

  #closed(): void {
    this.#open = false
    for (const { reject } of this.#calls.values()) reject(lostError())
    this.#calls.clear()
    this.#runs.clear()
    this.#lost()
  }
}

/** The other side has gone before it answered. */
export function lostError(): DimooError {
  return new DimooError('device/lost', 'expected an answer of the process that decodes, got its end')
}

function hear(ears: RunEars, told: Exclude<Told, { kind: 'answer' }>): void {
  switch (told.kind) {
    case 'step': {
      const message = messageOf(told.message)
      if (message.kind === 'step') ears.step(message.step)
      return
    }
    case 'end':
      ears.end(endOf(told.message))
      return
    case 'state':
      if (told.state === 'running') ears.running()
      return
    case 'snapshot':
      ears.taken(told.bytes, told.step)
      return
    case 'refused':
      ears.noSnapshot()
      return
    case 'checkpoint':
      ears.checkpoint(told.bytes, told.step)
      return
    case 'dry':
      ears.dry()
  }
}
