// The original's text-to-image traces through the addon: from the Hugging Face folder and from GGUF files made of it, token for
// token; the picture's pixels; and what a run costs: forward passes and rows are what the plan says, not one more.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binding } from '../../lib/native/binding.js'
import type { NativeImageRequest, NativeModel } from '../../lib/native/binding.js'
import { decode, golden, load } from './native.js'

interface TraceStep {
  positions: number[]
  n_masked_after: number
  x_after: number[]
}
interface Trace {
  con_prompt_ids: number[]
  uncon_ids: number[]
  params: { seq_len: number; newline_every: number; timesteps: number; temperature: number; cfg_scale: number }
  steps: TraceStep[]
  codes: number[]
  image: string
  image_size: [number, number]
}
interface Info {
  tokens: Record<string, number>
  code_offset: number
  codebook_size: number
}

const names = ['cfg0', 'cfg4', 'cfg4_square', 'tiny_grid', 'one_step', 'cfg1p5_two_steps', 'temp1', 'temp0p5_cfg0']
const read = (name: string): Trace => JSON.parse(readFileSync(path.join(golden, `t2i_${name}.json`), 'utf8')) as Trace

/** Recorded uniforms of a trace with temperature. */
function noiseOf(name: string): NativeImageRequest['noise'] {
  const bytes = readFileSync(path.join(golden, `t2i_${name}.safetensors`))
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, { data_offsets: [number, number] }>
  const tensor = (key: string): Float32Array => {
    const [begin, end] = header[key]!.data_offsets
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset + 8 + length + begin, bytes.byteOffset + 8 + length + end))
  }
  const steps = Object.keys(header)
    .filter((key) => key.endsWith('.sample_uniform'))
    .sort()
  return steps.map((key) => ({ sample: tensor(key), cut: tensor(key.replace('sample', 'topk')) }))
}

function requestOf(name: string, trace: Trace, info: Info): NativeImageRequest {
  const { seq_len: cells, newline_every: columns, timesteps: steps, temperature, cfg_scale: scale } = trace.params
  const begin = [info.tokens.answer_begin!, info.tokens.image_begin!]
  const prefixes = [trace.con_prompt_ids, ...(scale > 0 ? [trace.uncon_ids] : [])].map((ids) => Int32Array.from([...ids, ...begin]))
  return {
    kind: 'image',
    prefixes,
    guidance: scale > 0 ? [scale] : [],
    suffixes: prefixes.map(() => Int32Array.of(info.tokens.image_end!, info.tokens.answer_end!)),
    rows: cells / columns,
    columns,
    cells: new Int32Array(cells).fill(-1),
    seeds: BigUint64Array.of(0n),
    steps,
    temperature,
    schedule: 'cosine',
    priority: 0,
    tag: '',
    delivery: 'all',
    buffer: 4096,
    ...(temperature > 0 && { noise: noiseOf(name)! }),
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-golden-'))
afterAll(() => rmSync(folder, { recursive: true }))
const sources = {
  folder: () => path.join(golden, 'checkpoint'),
  'GGUF F32': () => path.join(folder, 'f32.gguf'),
  'GGUF BF16': () => path.join(folder, 'bf16.gguf'),
}
beforeAll(async () => {
  for (const type of ['f32', 'bf16']) {
    const options = { source: path.join(golden, 'checkpoint'), output: path.join(folder, `${type}.gguf`), type }
    await binding().job('convert', JSON.stringify(options)).promise
  }
})

describe.each(Object.entries(sources))('%s', (_, source) => {
  let model: NativeModel
  let info: Info
  beforeAll(async () => {
    model = await load(source())
    info = JSON.parse(model.info()) as Info
  })
  afterAll(() => model.close().promise)

  test.each(names)('t2i_%s, step for step', async (name) => {
    const trace = read(name)
    const request = requestOf(name, trace, info)
    const { outcome, steps } = await decode(model, request)
    expect(outcome.state).toBe('done')
    expect(steps).toHaveLength(trace.steps.length)
    const start = request.prefixes[0]!.length
    trace.steps.forEach((expected, i) => {
      expect(steps[i]!.masked).toBe(expected.n_masked_after)
      const after = Array.from({ length: request.rows * request.columns }, (_, cell) => {
        const id = expected.x_after[start + Math.floor(cell / request.columns) * (request.columns + 1) + (cell % request.columns)]!
        return id === info.tokens.mask ? -1 : id - info.code_offset
      })
      expect([...steps[i]!.tokens]).toEqual(after)
    })
    expect([...outcome.images[0]!.tokens]).toEqual(trace.codes)
    expect([outcome.images[0]!.width, outcome.images[0]!.height]).toEqual(trace.image_size)

    const rows = request.prefixes.reduce((sum, prefix) => sum + prefix.length + request.rows * (request.columns + 1) + 2, 0)
    expect(outcome.forwardPasses).toBe(trace.steps.length)
    expect(outcome.forwardTokens).toBe(trace.steps.length * rows)

    const expected = await sharp(path.join(golden, trace.image)).removeAlpha().raw().toBuffer()
    expect(expected.length).toBe(outcome.images[0]!.pixels.length)
    const worst = outcome.images[0]!.pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
    expect(worst).toBeLessThanOrEqual(1)
  })
})
