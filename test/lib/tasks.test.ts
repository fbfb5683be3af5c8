// Every picture task through the API over the fake addon: what reaches the addon, what is refused, and what comes back.
import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ratioCells } from '../../lib/image/region.js'
import { asked, behaviour, CODE_OFFSET, fake, imageRuns, nativeError, reset, textRuns, TOKENS } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel } = await import('../../lib/index.js')
type Model = Awaited<ReturnType<typeof loadModel>>

let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())

/** A picture of which each 8 x 8 cell has its own red. */
function cells(columns: number, rows: number, first = 1) {
  const width = columns * 8
  const red = (i: number): number => first + Math.floor(Math.floor(i / width) / 8) * columns + Math.floor((i % width) / 8)
  const data = Uint8Array.from({ length: width * rows * 8 * 3 }, (_, i) => (i % 3 === 0 ? red(Math.floor(i / 3)) : 0))
  return { data, width, height: rows * 8, channels: 3 as const }
}
const picture = cells(8, 8)
const prompt = 'Make it blue.'
/** Codes inside the first prefix, without the markers. */
const codesOf = (ids: Int32Array): number[] => [...ids].filter((id) => id >= CODE_OFFSET).map((id) => id - CODE_OFFSET)
const textOf = async (ids: Int32Array): Promise<string> => model.detokenize(ids.filter((id) => id < CODE_OFFSET))

describe('pictures from pictures', () => {
  test('one that cannot fit is refused before it is encoded', async () => {
    behaviour.startError = nativeError('device/out-of-memory', 'too much')
    await expect(model.edit({ prompt: 'x', image: picture }).result()).rejects.toMatchObject({ code: 'device/out-of-memory' })
    expect(asked.encoded).toEqual([])
  })

  test('edit: three branches, crop, defaults of the checkpoint, parameters', async () => {
    const result = await model.edit({ image: picture, prompt, kind: 'remove', seed: 3, cache: true }).result()
    const [run] = imageRuns()
    expect(asked.cropped).toEqual([[64, 64, 4, 'centre']])
    expect(run).toMatchObject({ guidance: [1.5, 0.5], rows: 8, columns: 8, steps: 4, cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } })
    expect(run!.prefixes).toHaveLength(3)
    expect(run!.prefixes.map((prefix) => codesOf(prefix).length)).toEqual([64, 64, 0])
    expect(codesOf(run!.prefixes[0]!)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1))
    expect([...run!.prefixes[1]!]).toContain(TOKENS.uncondition)
    expect([...run!.prefixes[0]!.slice(-3)]).toEqual([590, TOKENS.answer_begin, TOKENS.image_begin])
    expect([...run!.cells]).toEqual(Array(64).fill(-1))
    expect(result.parameters).toMatchObject({
      task: 'edit',
      prompt,
      guidance: 1.5,
      guidanceImage: 0.5,
      imageArea: 64,
      options: { kind: 'remove' },
      seed: '3',
      cache: { ratio: 0.9 },
    })
    expect(result.usage.inputTokens).toBe(run!.prefixes[0]!.length - 2)
    expect(result.timings.prefillMs).toBeGreaterThan(0)
    expect(result.timings.totalMs).toBeCloseTo(6 + result.timings.prefillMs)
  })

  test('without guidance one branch; a number is the text', async () => {
    await model.edit({ image: picture, prompt, guidance: { text: 0, image: 0 } }).result()
    await model.edit({ image: picture, prompt, guidance: 3 }).result()
    expect(imageRuns().map((run) => [run.prefixes.length, run.guidance])).toEqual([
      [1, []],
      [3, [3, 0.5]],
    ])
  })

  test('style: content first, reference second, and the reference gives the grid', async () => {
    const style = cells(4, 2, 100)
    await model.style({ image: picture, style, imageArea: 'native' }).result()
    const [run] = imageRuns()
    expect([run!.rows, run!.columns]).toEqual([2, 4])
    expect(codesOf(run!.prefixes[0]!)).toEqual([...Array.from({ length: 64 }, (_, i) => i + 1), 100, 101, 102, 103, 104, 105, 106, 107])
  })

  test('control, subject, view and predict ask in their own words', async () => {
    await model.control({ image: picture, prompt, control: 'depth' }).result()
    await model.subject({ image: picture, prompt }).result()
    await model.view({ image: picture, view: 'left' }).result()
    await model.predict({ image: picture, map: 'openpose' }).result()
    const texts = await Promise.all(imageRuns().map((run) => textOf(run.prefixes[0]!)))
    expect(texts.map((text) => text.replace(/<[^>]*>/g, '|'))).toEqual([
      expect.stringContaining('the given control image.||Make it blue.|'),
      expect.stringContaining('the given object image.||Make it blue.|'),
      expect.stringContaining('Generate the left view based on the provided front view.'),
      expect.stringContaining('Generate a pose estimation map according to the image.'),
    ])
  })

  test('a canny map is drawn from a photo', async () => {
    await model.control({ image: picture, prompt, control: 'canny', source: 'photo' }).result()
    expect(new Set(asked.encoded[0]!.pixels)).toEqual(new Set([0, 255]))
    expect(() => model.control({ image: picture, prompt, control: 'hed', source: 'photo' })).toThrow(
      /source 'photo' must come with control 'canny', got 'hed'/,
    )
  })

  test("compat 'reference': the generic prompt of predict, crops at a seed's offset, doubled rows in ask", async () => {
    const reference = await loadModel(undefined, { device: 'cpu', compat: 'reference' })
    await reference.predict({ image: picture, map: 'canny', prompt: 'Now.', seed: 7 }).result()
    await reference.ask({ images: [picture], prompt: 'What?', seed: 9 }).result()
    expect(await textOf(imageRuns()[0]!.prefixes[0]!)).toContain('Generate an image according to the prompt and image.</system><user>Now.')
    expect(asked.cropped.map((one) => one[3])).toEqual([7n, 9n])
    const [run] = textRuns()
    expect(run).toMatchObject({ compat: 'reference' })
    // 4 x 4 cells: the doubled list keeps the opening marker, and neither the closing one nor the last codes.
    expect([...run!.prefixes[0]!]).not.toContain(TOKENS.image_end)
    expect(codesOf(run!.prefixes[0]!)).toHaveLength(12)
    await reference.close()
    expect(() => model.predict({ image: picture, map: 'canny', prompt: 'Now.' })).toThrow(/predict: prompt must be left out/)
  })
})

describe('pictures of which a part is given', () => {
  test('inpaint: known cells keep their codes, rectangles are rounded outwards', async () => {
    const result = await model.inpaint({ image: cells(4, 2), prompt, mask: { left: 7, top: 8, width: 2, height: 1 }, seed: 1 }).result()
    expect([...imageRuns()[0]!.cells]).toEqual([1, 2, 3, 4, -1, -1, 7, 8])
    expect(imageRuns()[0]!.prefixes).toHaveLength(2)
    expect(result.usage.outputTokens).toBe(2)
    expect([...result.tokens]).toEqual([1, 2, 3, 4, 4, 5, 7, 8])
    expect(result.parameters).toMatchObject({ task: 'inpaint', width: 32, height: 16, imageArea: 'native' })
  })

  test('a mask as a picture: white, or transparent where it has any alpha', async () => {
    const lit = new Uint8Array(32 * 16 * 3)
    lit.fill(255, 31 * 3, 32 * 3) // the last pixel of the first line
    const png = await sharp(lit, { raw: { width: 32, height: 16, channels: 3 } })
      .png()
      .toBuffer()
    const alpha = new Uint8Array(32 * 16 * 4).fill(255)
    alpha[3] = 0
    for (const mask of [
      png,
      { data: lit, width: 32, height: 16, channels: 3 as const },
      { data: alpha, width: 32, height: 16, channels: 4 as const },
    ]) {
      await model.inpaint({ image: cells(4, 2), prompt, mask }).result()
    }
    expect(imageRuns().map((run) => [...run.cells].indexOf(-1))).toEqual([3, 3, 0])
    expect(imageRuns().map((run) => run.cells.filter((cell) => cell === -1).length)).toEqual([1, 1, 1])
  })

  test('a crop takes the mask along', async () => {
    await model.inpaint({ image: cells(8, 8), prompt, mask: { left: 8, top: 0, width: 8, height: 8 }, imageArea: 32 }).result()
    const [run] = imageRuns()
    expect([run!.rows, run!.columns, [...run!.cells].indexOf(-1)]).toEqual([4, 4, 1])
    expect(run!.cells.filter((cell) => cell === -1)).toHaveLength(1)
  })

  test('a mask of another size is refused with a crop too', async () => {
    const mask = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const }
    await expect(model.inpaint({ image: cells(8, 8), prompt, mask, imageArea: 32 }).result()).rejects.toMatchObject({
      code: 'image/invalid',
      message: expect.stringMatching(/mask: expected 64 x 64 pixels as the picture has, got 2 x 2/) as unknown,
    })
  })

  test.each<[object, string, RegExp]>([
    [{ mask: { left: 0, top: 0, width: 33, height: 1 } }, 'request/invalid', /region must lie inside 32 x 16 pixels, got 33 x 1 at 0, 0/],
    [
      { mask: { data: new Uint8Array(12), width: 2, height: 2, channels: 3 } },
      'image/invalid',
      /mask: expected 32 x 16 pixels as the picture has, got 2 x 2/,
    ],
    [{ mask: { data: new Uint8Array(32 * 16 * 3), width: 32, height: 16, channels: 3 } }, 'request/invalid', /at least one cell, got none/],
    [{ mask: { ratio: { width: 0.01, height: 0.01 } } }, 'request/invalid', /at least one cell to draw, got none/],
    [{ image: { data: new Uint8Array(3), width: 1, height: 1, channels: 3 } }, 'image/invalid', /at least 8 x 8 pixels, got 1 x 1/],
    [{ image: new Uint8Array(0) }, 'image/invalid', /got 0 bytes/],
    [{ image: 'no-such.png' }, 'image/invalid', /cannot read no-such\.png/],
  ])('inpaint with %o rejects', async (change, code, message) => {
    const request = { image: cells(4, 2), prompt, mask: { left: 0, top: 0, width: 1, height: 1 }, ...change }
    await expect(model.inpaint(request).result()).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown })
    expect(asked.runs).toHaveLength(0)
  })

  test('a full mask is a picture from nothing', async () => {
    await model.inpaint({ image: cells(4, 2), prompt, mask: { left: 0, top: 0, width: 32, height: 16 } }).result()
    expect([...imageRuns()[0]!.cells]).toEqual(Array(8).fill(-1))
  })

  test('outpaint: sides round up to cells and say what they took', async () => {
    const result = await model.outpaint({ image: cells(2, 2), prompt, extend: { left: 1, bottom: 9 } }).result()
    expect([...imageRuns()[0]!.cells]).toEqual([-1, 1, 2, -1, 3, 4, -1, -1, -1, -1, -1, -1])
    expect(imageRuns()[0]).toMatchObject({ rows: 4, columns: 3 })
    expect(result.parameters).toMatchObject({ width: 24, height: 32, options: { left: 8, right: 0, top: 0, bottom: 16 } })
    await model.outpaint({ image: cells(4, 2), prompt, extend: { ratio: { width: 0.5, height: 1 } } }).result()
    expect([...imageRuns()[1]!.cells]).toEqual([-1, 2, 3, -1, -1, 6, 7, -1])
  })

  test('retouch: a result keeps its tokens and its prompt, a picture is encoded', async () => {
    const first = await model.generate({ prompt: 'a red circle', seed: 1 }).result()
    const again = await model.retouch({ from: first, region: { left: 0, top: 0, width: 8, height: 8 }, seed: 2 }).result()
    expect([...imageRuns()[1]!.cells]).toEqual([-1, 1, 2, 3, 4, 5, 6, 7])
    expect(again.parameters).toMatchObject({ task: 'retouch', prompt: 'a red circle', seed: '2' })
    expect([...again.tokens.slice(1)]).toEqual([...first.tokens.slice(1)])
    await model.retouch({ from: cells(4, 2), region: [{ left: 24, top: 8, width: 8, height: 8 }], prompt: 'x' }).result()
    expect([...imageRuns()[2]!.cells]).toEqual([1, 2, 3, 4, 5, 6, 7, -1])
    await expect(
      model.retouch({ from: { ...first, tokens: new Int32Array(3) }, region: { left: 0, top: 0, width: 8, height: 8 } }).result(),
    ).rejects.toThrow(/from must be a result of this model/)
  })

  test('composite puts the original pixels back, with a seam', async () => {
    const original = { ...cells(4, 2), data: new Uint8Array(32 * 16 * 3).fill(40) }
    const mask = { left: 0, top: 0, width: 16, height: 16 }
    const [hard, soft] = await Promise.all(
      [{}, { feather: 3 }].map((composite) => model.inpaint({ image: original, prompt, mask, composite }).result()),
    )
    const line = (data: Uint8Array): number[] => Array.from({ length: 4 }, (_, i) => data[(14 + i) * 3]!)
    expect(line(hard!.image.data)).toEqual([200, 200, 40, 40])
    expect(asked.composed.map(({ cells, feather }) => [[...cells], feather])).toEqual([
      [[1, 1, 0, 0, 1, 1, 0, 0], 0],
      [[1, 1, 0, 0, 1, 1, 0, 0], 3],
    ])
    expect(soft!.parameters.options).toEqual({ feather: 3 })
  })

  test("ratios choose the original's cells", () => {
    const { cases, vq_scale: scale } = JSON.parse(readFileSync(new URL('../golden/paint_tokens.json', import.meta.url), 'utf8')) as {
      vq_scale: number
      cases: {
        image_size: [number, number]
        grid: [number, number]
        mode: string
        mask_h_ratio: number
        mask_w_ratio: number
        dilate_latent_k: number
        img_tokens: number[]
      }[]
    }
    const plain = cases.filter((one) => one.dilate_latent_k === 0)
    expect(plain.length).toBeGreaterThan(25)
    for (const one of plain) {
      const [width, height] = one.image_size
      const resized = { width: one.grid[1] * scale, height: one.grid[0] * scale }
      const side = one.mode === 'inpainting' ? 'inside' : 'outside'
      const drawn = ratioCells(side, { width: one.mask_w_ratio, height: one.mask_h_ratio }, { width, height }, resized, scale)
      const tokens = one.img_tokens.filter((id) => id !== TOKENS.row_end)
      expect([...drawn].map((cell) => cell === 1)).toEqual(tokens.map((id) => id === TOKENS.mask))
    }
  })
})

describe('requests', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['edit', () => model.edit({ prompt } as never), /edit: image must be a picture .*, got undefined/],
    ['edit', () => model.edit({ image: picture } as never), /edit: prompt must be a string, got undefined/],
    ['edit', () => model.edit({ image: 7, prompt } as never), /image must be a picture .*, got 7/],
    [
      'edit',
      () => model.edit({ image: picture, prompt, guidance: { both: 1 } } as never),
      /guidance: unknown option 'both'; known are text, image, floor/,
    ],
    [
      'edit',
      () => model.edit({ image: picture, prompt, imageArea: 100 }),
      /imageArea must be 'native' or a multiple of 32 from 32 to 4096, got 100/,
    ],
    ['edit', () => model.edit({ image: picture, prompt, bestOf: 4 } as never), /unknown option 'bestOf'/],
    [
      'control',
      () => model.control({ image: picture, prompt } as never),
      /control must be one of 'canny', 'hed', 'depth', 'openpose', got undefined/,
    ],
    ['predict', () => model.predict({ image: picture, map: 'edges' as never }), /map must be one of 'canny'.*got 'edges'/],
    ['style', () => model.style({ image: picture } as never), /style must be a picture .*, got undefined/],
    ['view', () => model.view({ image: picture } as never), /view must be one of 'left', .*, got undefined/],
    ['inpaint', () => model.inpaint({ image: picture, prompt, mask: [] }), /mask must be .*, got an array/],
    [
      'inpaint',
      () => model.inpaint({ image: picture, prompt, mask: { ratio: { width: 2, height: 1 } } }),
      /mask: ratio must be .* at most 1, got an object/,
    ],
    [
      'inpaint',
      () => model.inpaint({ image: picture, prompt, mask: { ratio: { width: 0, height: 1 } } }),
      /mask: ratio must be .* each over 0 .*, got an object/,
    ],
    ['outpaint', () => model.outpaint({ image: picture, prompt, extend: {} }), /extend must add pixels on at least one side, got none/],
    [
      'outpaint',
      () => model.outpaint({ image: picture, prompt, extend: { left: -1 } }),
      /extend: left must be an integer from 0 to 16384, got -1/,
    ],
    ['retouch', () => model.retouch({ from: picture } as never), /region must be .*, got undefined/],
    ['run options', () => model.generate({ prompt }, { priority: 1001 }), /priority must be an integer from -1000 to 1000, got 1001/],
    [
      'run options',
      () => model.generate({ prompt }, { previews: { every: 0 } }),
      /previews: every must be an integer from 1 to 4096, got 0/,
    ],
    ['run options', () => model.generate({ prompt }, { deadlineMs: -1 }), /deadlineMs must be a number from 0/],
  ])('%s: %s is refused at once', (_, act, message) => {
    expect(act).toThrow(expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }))
  })

  test('priority and tag reach the scheduler', async () => {
    await model.run('subject', { image: picture, prompt }, { priority: -5, tag: 'tenant' }).result()
    expect(imageRuns()[0]).toMatchObject({ priority: -5, tag: 'tenant' })
  })

  test('an abort while a picture is being read stops everything before the run', async () => {
    const run = model.edit({ image: picture, prompt })
    expect(run.state).toBe('queued')
    run.abort('enough')
    expect(run.state).toBe('aborted')
    await expect(run.result()).rejects.toBe('enough')
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(asked.runs).toHaveLength(0)
    expect(asked.encoded).toHaveLength(0)
  })
})
