// The decoding half of the fake addon: fixes masked cells and tokens in order, by the clock, and follows the contract of lib/native/binding.ts
// on waking, merging, pausing, cancelling, remasking and snapshots.
import type {
  NativeError,
  NativeImageRequest,
  NativeOutcome,
  NativeRequest,
  NativeRun,
  NativeSnapshot,
  NativeStep,
  NativeTextRequest,
} from '../../lib/native/binding.js'

export const SCALE = 8
export const END = 577

export const asked = {
  load: [] as Record<string, unknown>[],
  jobs: [] as { name: string; options: Record<string, unknown> }[],
  runs: [] as NativeRequest[],
  closed: 0,
  plans: [] as (readonly NativeRequest[])[],
  states: [] as (Uint8Array | undefined)[],
  resized: [] as unknown[][],
  cropped: [] as unknown[][],
  encoded: [] as { pixels: Uint8Array; width: number; height: number }[],
  composed: [] as { cells: Uint8Array; feather: number }[],
  previewTables: 0,
  cancelled: 0,
  stepsMade: 0,
  snapshots: [] as number[],
}

export const behaviour = {
  stepMs: 1,
  queueMs: 0, // how long a run waits before its first step
  runError: undefined as NativeError | undefined,
  startError: undefined as NativeError | undefined,
  devices: [{ id: 'cpu', usable: true, name: 'fake', totalBytes: 1, freeBytes: 1 }] as Record<string, unknown>[],
  jobs: {} as Record<string, (options: Record<string, unknown>) => unknown>,
  info: {} as Record<string, unknown>,
  answer: [] as number[], // ids of an answer; what is missing is END
  order: undefined as number[] | undefined, // in which its tokens are fixed
  probe: (() => []) as (request: NativeTextRequest) => number[],
}

export function nativeError(code: string, message: string, details?: object): NativeError {
  return Object.assign(new Error(message), { code, ...(details && { details: JSON.stringify(details) }) })
}

/** One picture or answer: what is fixed, and what is still masked, in the order of fixing. */
class Target {
  readonly final: Int32Array
  readonly tokens: Int32Array
  masked: number[]
  readonly #given: Int32Array

  constructor(request: NativeRequest) {
    this.#given = request.kind === 'image' ? request.cells : new Int32Array(0)
    if (request.kind === 'image') {
      this.final = request.cells.map((cell, i) => (cell === -1 ? i : cell))
      this.tokens = Int32Array.from(request.start?.tokens ?? request.cells)
      this.masked = [...this.tokens.keys()].filter((i) => this.tokens[i] === -1)
    } else {
      this.final = Int32Array.from({ length: request.length }, (_, i) => behaviour.answer[i] ?? END)
      this.tokens = new Int32Array(request.length).fill(-1)
      this.masked = behaviour.order ? [...behaviour.order] : [...this.tokens.keys()]
    }
  }

  /** Fixes this step's share; says which. */
  fix(stepsLeft: number): number[] {
    const fixed = this.masked.splice(0, Math.ceil(this.masked.length / stepsLeft))
    for (const cell of fixed) this.tokens[cell] = this.final[cell]!
    return fixed
  }

  // A given cell that is drawn after all becomes another code.
  mask(cells: Uint32Array): void {
    for (const cell of cells) {
      if ((this.#given[cell] ?? -1) !== -1) this.final[cell] = this.#given[cell]! + 1
      this.tokens[cell] = -1
    }
    this.masked = [...new Set([...this.masked, ...cells])].sort((a, b) => a - b)
  }
}

// The clock's half of a run; `FakeRun` is the handle whose collection must end it.
export class Engine {
  state: NativeOutcome['state'] | 'queued' | 'running' = 'queued'
  ready: NativeStep[] = []
  armed = false
  held = false
  step = 0
  timer: NodeJS.Timeout | undefined
  readonly request: NativeRequest
  readonly wake: () => void
  readonly targets: Target[]
  readonly remasked: NativeOutcome['remasked'][0][] = []

  constructor(request: NativeRequest, wake: () => void, state?: Uint8Array) {
    this.request = request
    this.wake = wake
    this.targets = Array.from(request.seeds, () => new Target(request))
    if (request.kind === 'image' && request.start) this.step = request.start.step
    for (; this.step < (state?.[0] ?? 0); this.step++) for (const target of this.targets) target.fix(request.steps - this.step)
    this.timer = setTimeout(() => this.begin(), behaviour.queueMs)
  }

  begin(): void {
    this.state = 'running'
    this.schedule()
  }

  /** At the next step boundary: a step under way is finished. */
  hold(held: boolean): void {
    this.held = held
    if (!held && this.state === 'running' && !this.timer) this.schedule()
  }

  schedule(): void {
    if (this.held) return
    this.timer = setTimeout(() => this.tick(), behaviour.stepMs)
  }

  ring(): void {
    if (!this.armed) return
    this.armed = false
    this.wake()
  }

  end(state: NativeOutcome['state']): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.state = state
    this.ring()
  }

  tick(): void {
    const { steps, delivery, buffer, seeds } = this.request
    this.timer = undefined
    if (behaviour.runError) {
      this.end('failed')
      return
    }
    asked.stepsMade++
    const made = this.targets.map((target, image) => this.make(image, target))
    if (delivery === 'all') this.ready.push(...made)
    if (delivery === 'latest') this.ready = made.map((step) => ({ ...step, skipped: (this.ready[0]?.skipped ?? -1) + 1 }))
    this.step++
    if (this.step === steps) {
      this.end('done')
      return
    }
    this.ring()
    if (delivery !== 'all' || this.ready.length < buffer * seeds.length) this.schedule()
  }

  make(image: number, target: Target): NativeStep {
    const { request } = this
    const { steps } = request
    const changed = Uint32Array.from(target.fix(steps - this.step))
    const [block, blocks] = request.kind === 'text' ? [blockOf(request, this.step), request.length / request.block] : [0, 1]
    return {
      image,
      step: this.step,
      steps,
      skipped: 0,
      masked: target.masked.length,
      rows: target.tokens.length,
      pass: request.kind === 'text' ? 'text' : 'full',
      elapsedMs: this.step,
      tokens: Int32Array.from(target.tokens),
      guess: Int32Array.from(target.final),
      changed,
      confidence: new Float32Array(changed.length).fill(0.5),
      block,
      blocks,
    }
  }

  outcome(): NativeOutcome | undefined {
    if (this.state === 'running' || this.state === 'queued') {
      this.armed = true
      return undefined
    }
    const done = this.state === 'done'
    const { request } = this
    return {
      state: this.state,
      ...(this.state === 'failed' && { error: behaviour.runError! }),
      images: done && request.kind === 'image' ? this.targets.map((target) => toImage(request, target)) : [],
      ...(done && request.kind === 'text' && toAnswer(request, this.targets[0]!)),
      remasked: this.remasked,
      queuedMs: 1,
      decodeMs: 2,
      vqMs: 3,
      totalMs: 6,
      steps: request.steps,
      forwardPasses: request.steps,
      forwardTokens: 10,
    }
  }
}

function blockOf({ steps, length, block }: NativeTextRequest, step: number): number {
  return Math.floor((step * (length / block)) / steps)
}

function toImage({ rows, columns }: NativeImageRequest, { tokens }: Target): NativeOutcome['images'][0] {
  const pixels = new Uint8Array(rows * columns * SCALE * SCALE * 3).fill(200)
  return { tokens, pixels, width: columns * SCALE, height: rows * SCALE }
}

function toAnswer(request: NativeTextRequest, { tokens }: Target): Partial<NativeOutcome> {
  if (request.probe) return { probabilities: Float64Array.from(behaviour.probe(request)) }
  const end = tokens.findIndex((id) => request.ends.includes(id))
  const finish = end < 0 ? 'length' : 'stop'
  return { answer: end < 0 || request.compat === 'reference' ? tokens : tokens.subarray(0, end), finish }
}

export class FakeRun implements NativeRun {
  readonly #engine: Engine
  #asked = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  next(): NativeStep | undefined | null {
    const engine = this.#engine
    const step = engine.ready.shift()
    if (step) {
      if (engine.state === 'running' && !engine.timer) engine.schedule()
      return step
    }
    if (engine.state !== 'running' && engine.state !== 'queued') return null
    engine.armed = true
    return undefined
  }

  outcome(): NativeOutcome | undefined {
    return this.#engine.outcome()
  }

  state(): ReturnType<NativeRun['state']> {
    return this.#engine.state
  }

  id(): string {
    return this.#engine.request.id ?? 'run-fake'
  }

  cancel(): void {
    if (this.#engine.state !== 'running' && this.#engine.state !== 'queued') return
    asked.cancelled++
    setTimeout(() => this.#engine.end('aborted'), 1)
  }

  remask(image: number, cells: Uint32Array): void {
    const engine = this.#engine
    if (engine.state !== 'running') throw nativeError('request/invalid', 'remask: expected a run that goes on, got one that is done')
    engine.targets[image]!.mask(cells)
    engine.remasked.push({ image, step: engine.step, cells: cells.length })
  }

  pause(): void {
    this.#engine.hold(true)
  }

  continue(): void {
    this.#engine.hold(false)
  }

  snapshot(): NativeSnapshot | undefined {
    const engine = this.#engine
    if (engine.state !== 'running' && engine.state !== 'queued') throw nativeError('request/invalid', 'snapshot: the run has ended')
    if (!this.#asked) {
      this.#asked = engine.armed = true
      if (!engine.timer) setTimeout(() => engine.ring()) // a run that is held is between two steps
      return undefined
    }
    this.#asked = false
    asked.snapshots.push(engine.step)
    return { state: Uint8Array.of(engine.step), step: engine.step }
  }
}
