// A runner whose runs send made-up steps of large pictures at a fixed pace, so that a page is measured and not a model.
import sharp from 'sharp'
import { loadModel } from '../../dist/index.js'
import { RunnerBase } from '../../dist/runner/runner.js'

const CODES = 1792
const PARAMETERS = {
  version: 1,
  guidance: 1,
  temperature: 1,
  schedule: 'cosine',
  precision: 'fast',
  model: { name: 'synthetic', weights: 'bf16' },
}

/** The same numbers every time. */
function numbers(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Bytes of a picture that turns from noise into a ramp, as a draft of a step would. */
function picture(side, share, format, random) {
  const data = Buffer.alloc(side * side * 3)
  for (let i = 0; i < data.length; i++) data[i] = random() > share ? random() * 255 : (i / data.length) * 255
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .toFormat(format, { quality: 60 })
    .toBuffer()
}

/** `cells` a side, `steps` of them `pauseMs` apart. */
export async function synthetic({ cells, steps, pauseMs }) {
  const model = await loadModel()
  const { scale, ...known } = await model.info()
  await model.close()
  const random = numbers(7)
  const drafts = await Promise.all(Array.from({ length: steps }, (_, i) => picture(cells * 4, (i + 1) / steps, 'webp', random)))
  const finished = await picture(cells * scale, 1, 'png', random)
  const order = Array.from({ length: cells * cells }, (_, i) => [random(), i]).sort(([a], [b]) => a - b)
  const codes = order.map(() => Math.floor(random() * CODES))
  const side = cells * scale
  const info = {
    ...known,
    scale,
    hyper: { ...known.hyper, contextLength: 16_384 },
    defaults: { ...known.defaults, image: { ...known.defaults.image, width: side, height: side, steps } },
  }

  function stepOf(step) {
    const [from, to] = [step, step + 1].map((one) => Math.round((one / steps) * order.length))
    const tokens = new Int32Array(order.length).fill(-1)
    for (let i = 0; i < to; i++) tokens[order[i][1]] = codes[i]
    const guess = tokens.map((code, cell) => (code === -1 ? codes[cell] : code))
    return {
      kind: 'image',
      image: 0,
      step,
      steps,
      skipped: 0,
      masked: order.length - to,
      elapsedMs: step * pauseMs,
      pass: 'full',
      rows: order.length * 2,
      grid: { width: cells, height: cells },
      tokens,
      guess,
      changed: Uint32Array.from(order.slice(from, to), ([, cell]) => cell),
      confidence: Float32Array.from(order.slice(from, to), ([sure]) => sure),
      preview: new Uint8Array(drafts[step]),
    }
  }
  const all = Array.from({ length: steps }, (_, step) => stepOf(step))
  const pixels = { data: new Uint8Array(side * side * 3).fill(128), width: side, height: side, channels: 3 }

  class Drawn {
    async encode() {
      return new Uint8Array(finished)
    }
  }
  class Run {
    state = 'queued'
    #ended
    #abort
    constructor(task, request, options) {
      Object.assign(this, { id: options.id, task, request, options })
      this.#ended = new Promise((resolve, reject) => Object.assign(this, { done: resolve, fail: reject }))
      this.#ended.catch(() => undefined)
    }
    result() {
      return this.#ended
    }
    abort(reason = new Error('aborted')) {
      this.#abort = reason
    }
    async pause() {}
    async continue() {}
    async *[Symbol.asyncIterator]() {
      this.state = 'running'
      for (const step of all) {
        if (this.#abort) {
          this.state = 'aborted'
          this.fail(this.#abort)
          throw this.#abort
        }
        yield step
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
      const { prompt = '', seed = '1' } = this.request
      const parameters = { ...PARAMETERS, task: this.task, prompt, width: side, height: side, steps, seed: String(seed) }
      const data = { seed: String(seed), image: pixels, tokens: all.at(-1).tokens, parameters }
      const one = Object.assign(new Drawn(), data)
      this.state = 'done'
      this.done({
        ...data,
        images: [one],
        timings: { queuedMs: 0, prefillMs: 0, decodeMs: 1, vqMs: 1, totalMs: 2 },
        usage: { inputTokens: 9, outputTokens: order.length, steps, forwardPasses: steps, forwardTokens: 1 },
        warnings: [],
        remasked: [],
      })
    }
  }
  class Synthetic extends RunnerBase {
    finished = 0
    run(task, request, options = {}) {
      const run = new Run(task, request, options)
      run.result().then(
        () => this.finished++,
        () => undefined,
      )
      return run
    }
    async info() {
      return info
    }
    async stats() {
      return { running: 0, queued: 0, paused: 0, estimatedWaitMs: 0 }
    }
    async close() {}
  }
  return new Synthetic()
}
