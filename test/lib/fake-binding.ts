// An addon of a few lines for tests of the TypeScript above it: decodes by the clock, fixes cells in order, and follows the contract
// of lib/binding.ts on waking, merging, pausing and cancelling. What it was asked lies in `asked`.
import { readFileSync } from 'node:fs'
import type {
  Binding,
  NativeError,
  NativeImageRequest,
  NativeJob,
  NativeModel,
  NativeOutcome,
  NativeRun,
  NativeStep,
} from '../../lib/binding.js'

export const SCALE = 8
const TOKENS = {
  mask: 583,
  row_end: 580,
  padding: 586,
  end_of_text: 577,
  image_begin: 596,
  image_end: 597,
  uncondition: 598,
  answer_begin: 601,
  answer_end: 602,
}
const tokenizerFile = new URL('../golden/tokenizer/tokenizer.json', import.meta.url)

export const asked = {
  load: [] as Record<string, unknown>[],
  jobs: [] as { name: string; options: Record<string, unknown> }[],
  runs: [] as NativeImageRequest[],
  resized: [] as unknown[][],
  cancelled: 0,
  stepsMade: 0,
}

export const behaviour = {
  stepMs: 1,
  runError: undefined as NativeError | undefined,
  startError: undefined as NativeError | undefined,
  devices: [{ id: 'cpu', usable: true, name: 'fake', totalBytes: 1, freeBytes: 1 }] as Record<string, unknown>[],
  jobs: {} as Record<string, (options: Record<string, unknown>) => unknown>,
}

export function nativeError(code: string, message: string, details?: object): NativeError {
  return Object.assign(new Error(message), { code, ...(details && { details: JSON.stringify(details) }) })
}

function job<T>(value: () => T, ms = 0): NativeJob<T> {
  let cancel = (): void => undefined
  const promise = new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      Promise.resolve().then(value).then(resolve, reject)
    }, ms)
    cancel = () => {
      clearTimeout(timer)
      reject(nativeError('aborted', 'aborted'))
    }
  })
  return { promise, cancel }
}

// The clock's half of a run; `FakeRun` is the handle whose collection must end it.
class Engine {
  state: NativeOutcome['state'] | 'running' = 'running'
  ready: NativeStep[] = []
  armed = false
  step = 0
  timer: NodeJS.Timeout | undefined
  readonly request: NativeImageRequest
  readonly wake: () => void

  constructor(request: NativeImageRequest, wake: () => void) {
    this.request = request
    this.wake = wake
    this.schedule()
  }

  schedule(): void {
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
    const made = Array.from(seeds, (_, image) => this.make(image))
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

  make(image: number): NativeStep {
    const { rows, columns, steps } = this.request
    const cells = rows * columns
    const fixed = Math.round((cells * (this.step + 1)) / steps)
    const before = Math.round((cells * this.step) / steps)
    const tokens = Int32Array.from({ length: cells }, (_, i) => (i < fixed ? i : -1))
    const changed = Uint32Array.from({ length: fixed - before }, (_, i) => before + i)
    return {
      image,
      step: this.step,
      steps,
      skipped: 0,
      masked: cells - fixed,
      rows: cells,
      pass: 'full',
      elapsedMs: this.step,
      tokens,
      guess: Int32Array.from({ length: cells }, (_, i) => i),
      changed,
      confidence: new Float32Array(changed.length).fill(0.5),
    }
  }
}

class FakeRun implements NativeRun {
  readonly #engine: Engine

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
    if (engine.state !== 'running') return null
    engine.armed = true
    return undefined
  }

  outcome(): NativeOutcome | undefined {
    const engine = this.#engine
    if (engine.state === 'running') {
      engine.armed = true
      return undefined
    }
    const { rows, columns, seeds, steps } = engine.request
    const image = (): NativeOutcome['images'][0] => ({
      tokens: Int32Array.from({ length: rows * columns }, (_, i) => i),
      pixels: new Uint8Array(rows * columns * SCALE * SCALE * 3).fill(200),
      width: columns * SCALE,
      height: rows * SCALE,
    })
    const images = engine.state === 'done' ? Array.from(seeds, image) : []
    const error = engine.state === 'failed' ? { error: behaviour.runError! } : {}
    return {
      state: engine.state,
      ...error,
      images,
      queuedMs: 1,
      decodeMs: 2,
      vqMs: 3,
      totalMs: 6,
      steps,
      forwardPasses: steps,
      forwardTokens: 10,
    }
  }

  state(): 'running' | 'done' | 'failed' | 'aborted' {
    return this.#engine.state
  }

  cancel(): void {
    if (this.#engine.state !== 'running') return
    asked.cancelled++
    setTimeout(() => this.#engine.end('aborted'), 1)
  }
}

const collected = new FinalizationRegistry<Engine>((engine) => {
  if (engine.state === 'running') asked.cancelled++
  engine.end('aborted')
})

class FakeModel implements NativeModel {
  readonly #engines = new Set<Engine>()

  info(): string {
    const device = behaviour.devices[0]
    return JSON.stringify({
      name: 'fake',
      architecture: 'lumina-dimoo',
      format: 'gguf',
      weights: 'bf16',
      embedded: false,
      sha256: 'ab'.repeat(32),
      hyper: {},
      tokens: TOKENS,
      codebook_size: 1024,
      code_offset: 603,
      scale: SCALE,
      defaults: { image: { width: 32, height: 16, steps: 4, guidance: 2 } },
      device,
      precision: 'f32',
      variants: {},
      bytes: { weights: 1 },
    })
  }

  tokenizerJson(): string {
    return readFileSync(tokenizerFile, 'utf8')
  }

  run(request: NativeImageRequest, wake: () => void): NativeRun {
    if (behaviour.startError) throw behaviour.startError
    asked.runs.push(request)
    const engine = new Engine(request, wake)
    this.#engines.add(engine)
    const run = new FakeRun(engine)
    collected.register(run, engine)
    return run
  }

  encodeVq(pixels: Uint8Array, width: number, height: number): NativeJob<Int32Array> {
    if (pixels.length !== width * height * 3) throw nativeError('internal', 'sizes')
    return job(() => new Int32Array((width / SCALE) * (height / SCALE)).fill(7))
  }

  decodeVq(tokens: Int32Array, rows: number, columns: number): NativeJob<Uint8Array> {
    return job(() => new Uint8Array(rows * columns * SCALE * SCALE * 3).fill(tokens[0]! + 100))
  }

  stats(): string {
    return JSON.stringify({ running: this.#engines.size })
  }

  close(): NativeJob<void> {
    return job(() => {
      for (const engine of this.#engines) if (engine.state === 'running') engine.end('aborted')
    }, 2)
  }
}

export const fake: Binding = {
  version: '0.0.0',
  build: '{}',
  job(name, options, progress) {
    const parsed = JSON.parse(options) as Record<string, unknown>
    asked.jobs.push({ name, options: parsed })
    progress?.(JSON.stringify({ phase: 'read', done: 1, total: 4 }))
    return job(() => JSON.stringify(name === 'devices' ? behaviour.devices : (behaviour.jobs[name]?.(parsed) ?? {})), 1)
  },
  load(options) {
    asked.load.push(JSON.parse(options) as Record<string, unknown>)
    return job(() => new FakeModel(), 1)
  },
  resize(pixels, channels, width, height, toWidth, toHeight, filter) {
    asked.resized.push([width, height, toWidth, toHeight, filter])
    return job(() => new Uint8Array(toWidth * toHeight * channels).fill(pixels[0]! + 1))
  },
}

export function reset(): void {
  Object.assign(asked, { load: [], jobs: [], runs: [], resized: [], cancelled: 0, stepsMade: 0 })
  Object.assign(behaviour, { stepMs: 1, runError: undefined, startError: undefined, jobs: {} })
  behaviour.devices = [{ id: 'cpu', usable: true, name: 'fake', totalBytes: 1, freeBytes: 1 }]
}
