// Picture arithmetic through the addon: crops, halvings and both resamplings against the original's pictures, edges against OpenCV's,
// and composites. Bit for bit.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { binding } from '../../lib/native/binding.js'
import { prepareImage } from '../../lib/image/prepare.js'
import { readImage, readOriginal } from '../../lib/image/read.js'
import { golden } from './native.js'

type Sides = readonly [width: number, height: number]
interface Crop {
  readonly input: string
  readonly output: string
  readonly num_patches: number
  readonly crop_size: Sides
  readonly resizes: readonly { readonly op: 'BOX' | 'BICUBIC'; readonly size: Sides }[]
  readonly offset_ranges: { readonly left: Sides; readonly top: Sides }
  readonly offset_used: Sides
  readonly after_box?: string
  readonly after_bicubic?: string
}
interface Mode {
  readonly mode: 'RGBA' | 'P' | 'L' | 'LA'
  readonly input: string
  readonly num_patches: number
  readonly crop_then_rgb: string
  readonly rgb_then_crop: string
}

// The largest pictures of the original's list are not here: in_03, in_09 and in_10.
const CROPS = ['in_00', 'in_01', 'in_02', 'in_04', 'in_05', 'in_06', 'in_07', 'in_08'].map((name) => `image_pre/${name}.png`)
const recorded = JSON.parse(readFileSync(path.join(golden, 'image_pre.json'), 'utf8')) as { crops: Crop[]; modes: Mode[] }
const crops = recorded.crops.filter(({ input }) => CROPS.includes(input))

interface Rgb {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

async function rgb(file: string): Promise<Rgb> {
  const { data, info } = await sharp(path.join(golden, file))
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

async function expectPicture(got: Rgb, file: string): Promise<void> {
  const { data, width, height } = await rgb(file)
  expect([got.width, got.height]).toEqual([width, height])
  expect(Buffer.compare(got.data, data)).toBe(0)
}

async function crop(
  { data, width, height }: Rgb,
  patches: number,
  offset: 'centre' | bigint = 'centre',
  between: 'mixture' | 'nearest' = 'mixture',
): Promise<Rgb> {
  const { pixels, ...size } = await binding().crop(data, width, height, patches, offset, between).promise
  return { data: pixels, ...size }
}

function cut({ data, width }: Rgb, [left, top]: Sides, [wide, high]: Sides): Rgb {
  const lines = Array.from({ length: high }, (_, y) => data.subarray(((top + y) * width + left) * 3, ((top + y) * width + left + wide) * 3))
  return { data: Buffer.concat(lines), width: wide, height: high }
}

describe("the original's crops", () => {
  test('all of the small ones are here', () => {
    expect(crops).toHaveLength(CROPS.length)
  })

  test.each(crops)('$input in one go', async ({ input, output, num_patches: patches }) => {
    await expectPicture(await crop(await rgb(input), patches), output)
  })

  test.each(crops)('$input resize by resize', async ({ input, output, crop_size, resizes, offset_used, after_box, after_bicubic }) => {
    let picture = await rgb(input)
    for (const [i, { op, size }] of resizes.entries()) {
      const [width, height] = size
      const filter = op === 'BOX' ? 'box' : 'bicubic'
      const data = await binding().resize(picture.data, 3, picture.width, picture.height, width, height, filter).promise
      picture = { data, width, height }
      const file = op === 'BOX' ? after_box : after_bicubic
      if (file !== undefined && resizes[i + 1]?.op !== op) await expectPicture(picture, file)
    }
    await expectPicture(cut(picture, offset_used, crop_size), output)
  })

  test("a seed moves the window within the original's range and is repeatable", async () => {
    const { input, num_patches: patches, offset_ranges: ranges, crop_size: size, resizes } = crops[1]!
    const picture = await rgb(input)
    const [width, height] = resizes.at(-1)!.size
    const whole = await binding().resize(picture.data, 3, picture.width, picture.height, width, height, 'bicubic').promise
    const lefts = new Set<number>()
    for (let seed = 0n; seed < 60n; seed++) {
      const got = await crop(picture, patches, seed)
      expect(Buffer.compare((await crop(picture, patches, seed)).data, got.data)).toBe(0)
      const first = Buffer.from(got.data.subarray(0, size[0] * 3))
      const left = Array.from({ length: ranges.left[1] + 1 }, (_, i) => i).filter((i) =>
        first.equals(whole.subarray(i * 3, (i + size[0]) * 3)),
      )
      expect(left).toHaveLength(1)
      lefts.add(left[0]!)
    }
    expect([...lefts].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })
})

describe('pictures that are no RGB', () => {
  test.each(recorded.modes)('$mode becomes RGB first', async ({ input, num_patches: patches, rgb_then_crop: output }) => {
    await expectPicture(await crop(await rgb(input), patches), output)
  })
})

describe("compat: 'reference'", () => {
  test.each(recorded.modes)('$mode is cropped in its own mode, or as RGB without its alpha', async (one) => {
    const own = await readOriginal(path.join(golden, one.input), 'own')
    expect([own.channels, own.palette]).toEqual([one.mode.endsWith('A') ? 4 : 3, one.mode === 'P'])
    await expectPicture(await crop(own, one.num_patches, 'centre', own.palette ? 'nearest' : 'mixture'), one.crop_then_rgb)
    const first = await readOriginal(path.join(golden, one.input), 'rgb')
    await expectPicture(await crop(first, one.num_patches), one.rgb_then_crop)
  })

  test.each(['P', 'RGBA'])('%s comes to the same through its area', async (mode) => {
    const picture = await readOriginal(path.join(golden, `image_pre/mode_${mode}.png`), 'own')
    const between = mode === 'P' ? 'nearest' : 'mixture'
    const { data, channels } = await prepareImage(picture, { area: 96, scale: 16, offset: 'centre', use: 'prompt' })
    expect(channels).toBe(3)
    expect(Buffer.compare(data, (await crop(picture, 9, 'centre', between)).data)).toBe(0)
  })

  test('a rotated JPEG stays as it lies', async () => {
    const jpeg = await sharp({ create: { width: 6, height: 2, channels: 3, background: 'red' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
    expect(await readOriginal(jpeg, 'rgb')).toMatchObject({ width: 6, height: 2, channels: 3, palette: false })
    expect(await readImage(jpeg)).toMatchObject({ width: 2, height: 6 })
  })
})

describe("OpenCV's Canny", () => {
  const names = ['scene_64', 'scene_101x77', 'photo_131x95', 'photo_64x160', 'noise_37x29', 'noise_3x3', 'noise_2x5', 'line_1x40']
  test.each([...names, 'line_40x1', 'point_1x1'])('%s', async (name) => {
    const { data, width, height } = await rgb(`canny/${name}.png`)
    const edges = await sharp(path.join(golden, `canny/${name}_edges.png`))
      .toColourspace('b-w')
      .raw()
      .toBuffer()
    expect(edges).toHaveLength(width * height)
    expect(Buffer.compare(await binding().canny(data, width, height, 100, 200).promise, edges)).toBe(0)
  })
})
