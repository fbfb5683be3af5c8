// A run that is decoded elsewhere, in the shape of the addon's run, so that lib/run treats both alike: asked without waiting, wakes its reader
// once something has arrived. Who carries it there and back is the port's business, also when it has to go on with somebody else.
import type { ErrorData } from '../base/errors.js'
import type { NativeError, NativeOutcome, NativeSnapshot, NativeStep } from '../native/binding.js'
import type { EventNumber } from '../run/event-numbers.js'
import { endedEarly, type Decoder } from '../run/parts.js'
import type { FarEnd, FarResult, FarStep } from './far.js'
import { Trail } from './trail.js'

/** What a run asks of the other side. Nothing waits; answers come back through `FarRun`. */
export interface FarPort {
  /** One more step, or `noMoreSteps`. */
  pull(): void
  cancel(): void
  remask(image: number, cells: Uint32Array): void
  /** Answered by `snapshotTaken`, or by `refused` where the run ends meanwhile. */
  snapshot(): void
  pause(): void
  continue(): void
}

/** What `next` gives: the addon's form, with the step that travelled inside. */
export interface CarriedStep extends NativeStep {
  readonly carried: FarStep
  /** The number that its keeper gave it, and what it has forgotten before. */
  readonly event?: EventNumber
}

/** What `outcome` gives. */
export interface CarriedOutcome extends NativeOutcome {
  readonly carried?: FarResult
}

export class FarRun implements Decoder {
  readonly #port: FarPort
  readonly #wake: () => void
  readonly #trail = new Trail()
  readonly #ready: CarriedStep[] = []
  #state: 'queued' | 'running' = 'queued'
  #pulled = false
  #exhausted = false
  #outcome: CarriedOutcome | undefined
  #snapshotAsked = false
  #snapshot: NativeSnapshot | undefined

  constructor(port: FarPort, wake: () => void) {
    this.#port = port
    this.#wake = wake
  }

  // The reader's side -------------------------------------------------------------------------------------------------------------------
  next(): CarriedStep | undefined | null {
    const step = this.#ready.shift()
    if (step) return step
    if (this.#exhausted || (this.#outcome && this.#outcome.state !== 'done')) return null
    if (!this.#pulled) {
      this.#pulled = true
      this.#port.pull()
    }
    return undefined
  }

  outcome(): CarriedOutcome | undefined {
    return this.#outcome
  }

  state(): ReturnType<Decoder['state']> {
    return this.#outcome?.state ?? this.#state
  }

  cancel(): void {
    if (this.#outcome) return
    this.#port.cancel()
    this.#settle(endedEarly('aborted')) // what it still does there is nobody's concern here
  }

  remask(image: number, cells: Uint32Array): void {
    if (this.#outcome)
      throw nativeError({ code: 'request/invalid', message: `remask: expected a run that goes on, got one that is ${this.#outcome.state}` })
    this.#port.remask(image, cells)
  }

  snapshot(): NativeSnapshot | undefined {
    const taken = this.#snapshot
    this.#snapshot = undefined
    if (taken) return taken
    if (this.#outcome)
      throw nativeError({
        code: 'request/invalid',
        message: `snapshot: expected a run that goes on, got one that is ${this.#outcome.state}`,
      })
    if (!this.#snapshotAsked) {
      this.#snapshotAsked = true
      this.#port.snapshot()
    }
    return undefined
  }

  pause(): void {
    if (!this.#outcome) this.#port.pause()
  }

  continue(): void {
    if (!this.#outcome) this.#port.continue()
  }

  // The port's side ---------------------------------------------------------------------------------------------------------------------
  /** Whether the reader waits for a step. */
  get pulling(): boolean {
    return this.#pulled
  }

  /** A step has arrived. What the reader has seen before is dropped, and another one is asked for in its place. `event`: its number there. */
  deliver(step: FarStep, event?: EventNumber): void {
    if (this.#outcome && this.#outcome.state !== 'done') return
    this.running()
    const fresh = this.#trail.take(step)
    if (fresh) {
      this.#pulled = false
      this.#ready.push({ ...carry(fresh), ...(event !== undefined && { event }) })
      this.#wake()
    } else if (this.#pulled) this.#port.pull()
  }

  noMoreSteps(): void {
    this.#exhausted = true
    this.#wake()
  }

  running(): void {
    this.#state = 'running'
  }

  /** Somebody else goes on from an earlier step; with other bits (`anew`) what the reader has seen no longer counts. */
  resumed(how: 'exactly' | 'anew'): void {
    this.#trail.resumed(how)
  }

  /** How far the reader has come: the last step of each picture that was delivered. */
  get seen(): ReadonlyMap<number, FarStep> {
    return this.#trail.seen
  }

  snapshotTaken(state: Uint8Array, step: number): void {
    this.#snapshotAsked = false
    this.#snapshot = { state, step }
    this.#wake()
  }

  /** No snapshot: the run is about to end, or goes on elsewhere. It is asked for again as long as the run goes on. */
  refused(): void {
    this.#snapshotAsked = false
    this.#wake()
  }

  end(end: FarEnd): void {
    if ('result' in end) this.#settle({ ...endedEarly('done'), carried: end.result })
    else if (end.error.code === 'aborted') this.#settle(endedEarly('aborted'))
    else this.#settle({ ...endedEarly('failed'), error: nativeError(end.error) })
  }

  #settle(outcome: CarriedOutcome): void {
    if (this.#outcome) return
    this.#outcome = outcome
    if (outcome.state !== 'done') this.#ready.length = 0
    this.#wake()
  }
}

function carry(step: FarStep): CarriedStep {
  if (step.kind === 'image') return { ...step, block: 0, blocks: 1, carried: step }
  const none = { tokens: new Int32Array(0), guess: new Int32Array(0), changed: new Uint32Array(0), confidence: new Float32Array(0) }
  return { ...step, ...none, image: 0, carried: step }
}

/** An error of another process as the addon would have thrown it; it becomes a DimooError where somebody waits. */
export function nativeError({ code, message, details }: ErrorData): NativeError {
  return Object.assign(new Error(message), { code, ...(details && { details: JSON.stringify(details) }) })
}
