// An addon of a few lines for tests of the TypeScript above it. What it was asked lies in `asked`, what it does in `behaviour`; runs
// are test/lib/fake-engine.ts.
import { readFileSync } from 'node:fs'
import type {
  Binding,
  NativeImageRequest,
  NativeJob,
  NativeModel,
  NativeRequest,
  NativeRun,
  NativeTextRequest,
} from '../../lib/native/binding.js'
import { asked, behaviour, Engine, FakeRun, nativeError, SCALE } from './fake-engine.js'

export { asked, behaviour, nativeError, SCALE }
export const TOKENS = {
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
export const CODE_OFFSET = 603
export const CODEBOOK = 1024
const tokenizerFile = new URL('../golden/tokenizer/tokenizer.json', import.meta.url)

/** The requests for pictures and for text that the addon got. */
export const imageRuns = (): NativeImageRequest[] => asked.runs.filter((run) => run.kind === 'image')
export const textRuns = (): NativeTextRequest[] => asked.runs.filter((run) => run.kind === 'text')

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

const collected = new FinalizationRegistry<Engine>((engine) => {
  if (engine.state === 'running' || engine.state === 'queued') asked.cancelled++
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
      codebook_size: CODEBOOK,
      code_offset: CODE_OFFSET,
      scale: SCALE,
      defaults: {
        image: { width: 32, height: 16, steps: 4, guidance: 2 },
        edit: { steps: 4, guidance_text: 1.5, guidance_image: 0.5, image_area: 64 },
        text: { length: 16, block: 8, steps: 8, image_area: 32 },
      },
      device,
      precision: 'f32',
      variants: { linear: 'portable', attention: 'portable' },
      bytes: { weights: 1 },
      ...behaviour.info,
    })
  }

  tokenizerJson(): string {
    return readFileSync(tokenizerFile, 'utf8')
  }

  checkFits(): void {
    if (behaviour.startError) throw behaviour.startError
  }

  plan(requests: readonly NativeRequest[]): string {
    asked.plans.push(requests)
    const bytes = { weightsBytes: 1, panelBytes: 1, kvBytes: 1, logitsBytes: 1, activationsBytes: 1, vqBytes: 1, totalBytes: 6 }
    return JSON.stringify({ ...bytes, fits: true, availableBytes: 100 })
  }

  run(request: NativeRequest, wake: () => void, state?: Uint8Array): NativeRun {
    if (behaviour.startError) throw behaviour.startError
    asked.runs.push(request)
    asked.states.push(state)
    const engine = new Engine(request, wake, state)
    this.#engines.add(engine)
    const run = new FakeRun(engine)
    collected.register(run, engine)
    return run
  }

  // The code of a cell is its first pixel's red, so that a test sees what was encoded where.
  encodeVq(pixels: Uint8Array, width: number, height: number): NativeJob<Int32Array> {
    if (pixels.length !== width * height * 3) throw nativeError('internal', 'sizes')
    asked.encoded.push({ pixels, width, height })
    const columns = width / SCALE
    const red = (_: unknown, cell: number): number => pixels[(Math.floor(cell / columns) * SCALE * width + (cell % columns) * SCALE) * 3]!
    return job(() => Int32Array.from({ length: columns * (height / SCALE) }, red))
  }

  decodeVq(tokens: Int32Array, rows: number, columns: number): NativeJob<Uint8Array> {
    return job(() => new Uint8Array(rows * columns * SCALE * SCALE * 3).fill(tokens[0]! + 100))
  }

  // The patch of code c is all c.
  previewTable(): NativeJob<Uint8Array> {
    asked.previewTables++
    return job(() => Uint8Array.from({ length: CODEBOOK * 48 }, (_, i) => Math.floor(i / 48)))
  }

  stats(): string {
    return JSON.stringify({ running: this.#engines.size, queued: 0, reusedRowRatio: 0.5, estimatedWaitMs: 1500 })
  }

  close(): NativeJob<void> {
    asked.closed++
    return job(() => {
      for (const engine of this.#engines) if (engine.state === 'running' || engine.state === 'queued') engine.end('aborted')
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
  // The square of as many patches, cut out at the top left.
  crop(pixels, width, height, patches, offset) {
    asked.cropped.push([width, height, patches, offset])
    const side = Math.sqrt(patches) * 32
    const pixel = (i: number): number => {
      const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)]
      return x < width && y < height ? pixels[(y * width + x) * 3 + (i % 3)]! : 0
    }
    return job(() => ({ pixels: Uint8Array.from({ length: side * side * 3 }, (_, i) => pixel(i)), width: side, height: side }))
  },
  // No seam: the original, but for whole cells.
  composite(original, painted, width, height, cells, rows, columns, feather) {
    asked.composed.push({ cells, feather })
    const [wide, high] = [width / columns, height / rows]
    const cell = (i: number): number => Math.floor(Math.floor(i / width) / high) * columns + Math.floor((i % width) / wide)
    return job(() => original.map((value, i) => (cells[cell(Math.floor(i / 3))] === 1 ? painted[i]! : value)))
  },
  canny(pixels, width, height) {
    return job(() => Uint8Array.from({ length: width * height }, (_, i) => (i % 2 === 0 ? 255 : 0)), pixels.length > 0 ? 0 : 1)
  },
}

export function reset(): void {
  for (const [name, value] of Object.entries(asked)) Object.assign(asked, { [name]: Array.isArray(value) ? [] : 0 })
  Object.assign(behaviour, { stepMs: 1, queueMs: 0, runError: undefined, startError: undefined, jobs: {}, info: {}, answer: [] })
  Object.assign(behaviour, { order: undefined, probe: () => [] })
  behaviour.devices = [{ id: 'cpu', usable: true, name: 'fake', totalBytes: 1, freeBytes: 1 }]
}
