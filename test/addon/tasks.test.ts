// The tasks through the public API against what the original computed from the same pictures and words: codes and answers, at
// temperature 0 in f32.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, type DimooModel, type ImageResult } from '../../lib/index.js'
import { golden } from './native.js'

interface Trace {
  readonly prompt_text: string
  readonly question?: string
  readonly text?: string
  readonly codes: readonly number[]
  readonly params: Readonly<Record<string, number>>
  readonly mask_h_ratio: number
  readonly mask_w_ratio: number
}

const trace = (name: string): Trace => JSON.parse(readFileSync(path.join(golden, `${name}.json`), 'utf8')) as Trace
const picture = (name: string): Uint8Array => readFileSync(path.join(golden, `${name}.png`))

let model: DimooModel
let original: DimooModel
beforeAll(async () => {
  const source = path.join(golden, 'checkpoint')
  model = await loadModel(source, { device: 'cpu', precision: 'f32' })
  original = await loadModel(source, { device: 'cpu', precision: 'f32', compat: 'reference' })
})
afterAll(() => Promise.all([model.close(), original.close()]))

describe('pictures from pictures', () => {
  const sampling = ({ params }: Trace) => ({
    steps: params.timesteps!,
    temperature: 0,
    guidance: { text: params.cfg_scale!, image: params.cfg_img! },
    imageArea: 'native' as const,
  })
  const check = (result: ImageResult, { codes, params }: Trace): void => {
    expect([...result.tokens]).toEqual(codes)
    expect(result.usage.steps).toBe(params.timesteps)
    expect(result.usage.forwardPasses).toBe(params.timesteps)
  }

  test('control, three branches', async () => {
    const recorded = trace('i2i_depth_control')
    const request = { prompt: recorded.prompt_text, image: picture('i2i/crop_a'), control: 'depth' as const, ...sampling(recorded) }
    check(await model.control(request).result(), recorded)
  })

  test.each([
    ['i2i_edit_no_cfg', 'remove'],
    ['i2i_edit_text_cfg_only', 'add'],
  ] as const)('edit: %s', async (name, kind) => {
    const recorded = trace(name)
    const request = { prompt: recorded.prompt_text, image: picture('i2i/crop_a'), kind, ...sampling(recorded) }
    check(await model.edit(request).result(), recorded)
  })

  test('style: the grid follows the reference', async () => {
    const recorded = trace('i2i_ref_transfer')
    const request = { image: picture('i2i/crop_a'), style: picture('i2i/crop_b'), ...sampling(recorded) }
    const result = await model.style(request).result()
    check(result, recorded)
    expect([result.image.width / result.image.height]).toEqual([recorded.params.newline_every! ** 2 / recorded.codes.length])
  })

  test('ML-Cache computes fewer rows and still ends', async () => {
    const recorded = trace('i2i_depth_control')
    const request = { prompt: recorded.prompt_text, image: picture('i2i/crop_a'), control: 'depth' as const, ...sampling(recorded) }
    const exact = await model.control(request).result()
    const cached = await model.control({ ...request, cache: { ratio: 0.8, warmup: 0.1, refresh: 4 } }).result()
    expect(cached.usage.forwardTokens).toBeLessThan(0.75 * exact.usage.forwardTokens)
    expect(cached.tokens.every((code) => code >= 0)).toBe(true)
  })
})

describe('pictures of which a part is given', () => {
  const request = ({ prompt_text, params, mask_w_ratio: width, mask_h_ratio: height }: Trace) => ({
    sampling: { prompt: prompt_text, steps: params.timesteps!, temperature: 0, guidance: params.cfg_scale! },
    ratio: { width, height },
  })

  test('inpaint by ratio: known tokens come back', async () => {
    const recorded = trace('paint_inpaint')
    const { sampling, ratio } = request(recorded)
    const image = picture('paint/input_a')
    const result = await model.inpaint({ ...sampling, image, mask: { ratio } }).result()
    expect([...result.tokens]).toEqual(recorded.codes)
    const composed = await model.inpaint({ ...sampling, image, mask: { ratio }, composite: { feather: 0 } }).result()
    expect([...composed.tokens]).toEqual(recorded.codes)
    expect(composed.image.data).not.toEqual(result.image.data)
  })

  test('outpaint by ratio, sides off the grid', async () => {
    const recorded = trace('paint_outpaint_odd')
    const { sampling, ratio } = request(recorded)
    const result = await model.outpaint({ ...sampling, image: picture('paint/input_b'), extend: { ratio } }).result()
    expect([...result.tokens]).toEqual(recorded.codes)
  })

  test('outpaint says what it took where a side is off the grid', async () => {
    const { scale } = await model.info()
    const image = picture('paint/input_b')
    const { warnings } = await model.outpaint({ prompt: 'x', image, extend: { left: scale + 1, right: scale }, steps: 1 }).result()
    expect(warnings).toEqual([`extend.left: ${2 * scale} pixels were added for ${scale + 1}, as a cell is ${scale} wide and high`])
  })

  test('view knows its words', () => {
    expect(() => model.view({ image: picture('paint/input_b'), view: 'sideways' as 'left' })).toThrow(
      /view must be one of 'left', 'right', 'back', 'top', 'bottom', 'front', got 'sideways'/,
    )
  })

  test('retouch changes its region only', async () => {
    const first = await model.generate({ prompt: 'x', width: 32, height: 32, steps: 4, seed: 1 }).result()
    const { scale } = await model.info()
    const again = await model.retouch({ from: first, region: { left: 0, top: 0, width: scale, height: 1 }, steps: 2, seed: 9 }).result()
    expect([...again.tokens].slice(1)).toEqual([...first.tokens].slice(1))
  })
})

describe('answers', () => {
  const ask = (on: DimooModel, { question, params }: Trace, options: object = {}) =>
    on.ask({
      prompt: question!,
      images: [picture('mmu/crop')],
      imageArea: 'native',
      length: params.gen_length!,
      block: params.block_length!,
      steps: params.steps!,
      temperature: 0,
      guidance: params.cfg_scale!,
      ...options,
    })

  test.each(['mmu_clean_4blocks', 'mmu_clean_cfg', 'mmu_uneven_steps'])('%s', async (name) => {
    const recorded = trace(name)
    const { text, usage } = await ask(model, recorded).result()
    // The original loses nothing here: its slice only drops the closing marker.
    expect(text).toBe(recorded.text)
    expect(usage.forwardPasses).toBe(recorded.params.steps)
  })

  test.each(['mmu_script_1block', 'mmu_script_cfg_1block'])("%s, with the original's doubled row ends", async (name) => {
    const recorded = trace(name)
    expect((await ask(original, recorded).result()).text).toBe(recorded.text)
    expect((await ask(model, recorded).result()).text).not.toBe(recorded.text)
  })

  test('an end token in the question ends nothing but by the original rules', async () => {
    const recorded = trace('mmu_eot_in_question')
    const full = await ask(model, recorded).result()
    expect(full.usage.outputTokens).toBeGreaterThan(recorded.params.block_length!)
    const stopped = await ask(original, recorded).result()
    expect(stopped.finishReason).toBe('stop')
    expect(stopped.usage.steps).toBe(recorded.params.steps! / (recorded.params.gen_length! / recorded.params.block_length!))
  })

  test('steps settle the text that the result holds', async () => {
    const recorded = trace('mmu_clean_4blocks')
    const run = ask(model, recorded, { reuse: 'prefix' })
    let last = ''
    for await (const { settled, kind } of run) {
      expect(kind).toBe('text')
      expect(settled.startsWith(last)).toBe(true)
      last = settled
    }
    const { text } = await run.result()
    expect(text.startsWith(last)).toBe(true)
  })
})
