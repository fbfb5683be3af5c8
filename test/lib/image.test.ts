// Pictures in and out: EXIF, alpha, limits, formats, text inside files, animation.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { afterAll, expect, test, vi } from 'vitest'
import { encodeAnimation, encodeImage } from '../../lib/image/encode.js'
import { fitToGrid } from '../../lib/image/prepare.js'
import { parseParameters } from '../../lib/parameters/parameters.js'
import { addPngText, readPngText } from '../../lib/image/png-text.js'
import { readImage, readMask } from '../../lib/image/read.js'
import { readParameters } from '../../lib/parameters/read.js'
import type { RawImage } from '../../lib/fields/values.js'
import { asked, fake } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-image-'))
afterAll(() => rmSync(folder, { recursive: true }))
const solid = (width: number, height: number, colour: readonly number[]): RawImage => ({
  data: Uint8Array.from({ length: width * height * colour.length }, (_, i) => colour[i % colour.length]!),
  width,
  height,
  channels: colour.length as 3 | 4,
})
const pixel = (image: RawImage, x: number, y: number): number[] => [
  ...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3),
]
const parameters = {
  version: 1,
  task: 'generate',
  prompt: 'caf\u00e9 <&> "\u732b"\n',
  width: 8,
  height: 8,
  steps: 4,
  guidance: 1,
  temperature: 0,
  schedule: 'cosine',
  seed: '18446744073709551615',
  precision: 'f32',
  model: { name: 'm', weights: 'bf16' },
}
const metadata = { 'lumina-dimoo': JSON.stringify(parameters) }

test('every kind of input gives the same pixels', async () => {
  const image = solid(5, 3, [10, 20, 30])
  const png = await encodeImage(image, 'png')
  const file = path.join(folder, 'a.png')
  writeFileSync(file, png)
  const inputs = [
    image,
    png,
    new Uint8Array(png).buffer,
    new Blob([new Uint8Array(png)]),
    file,
    pathToFileURL(file),
    pathToFileURL(file).href,
  ]
  for (const input of inputs) {
    const read = await readImage(input)
    expect([read.width, read.height, read.channels, ...pixel(read, 4, 2)]).toEqual([5, 3, 3, 10, 20, 30])
  }
})

test('EXIF rotation is applied', async () => {
  const raw = { width: 4, height: 2, channels: 3 } as const
  const left = Buffer.from([255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255, 255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255])
  const rotated = await sharp(left, { raw }).withMetadata({ orientation: 6 }).png().toBuffer()
  const read = await readImage(rotated)
  expect([read.width, read.height]).toEqual([2, 4])
  expect([pixel(read, 0, 0), pixel(read, 0, 3)]).toEqual([
    [255, 0, 0],
    [0, 0, 255],
  ])
  // A mask lies over its picture as both are seen.
  const mask = await readMask(rotated)
  expect([mask.width, mask.height, mask.data[0], mask.data[4 * 6]]).toEqual([2, 4, 255, 0])
})

test('transparency is composed on white, in files and in raw pixels', async () => {
  const half = solid(2, 2, [0, 0, 0, 0])
  const png = await encodeImage(half, 'png')
  for (const input of [half, png]) expect(pixel(await readImage(input), 1, 1)).toEqual([255, 255, 255])
})

test('grey, palette and 16-bit pictures become RGB bytes', async () => {
  const grey = await sharp({ create: { width: 3, height: 3, channels: 3, background: '#808080' } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
  const palette = await sharp({ create: { width: 3, height: 3, channels: 3, background: '#808080' } })
    .png({ palette: true })
    .toBuffer()
  const deep = await sharp({ create: { width: 3, height: 3, channels: 3, background: '#808080' } })
    .toColourspace('rgb16')
    .png()
    .toBuffer()
  for (const input of [grey, palette, deep]) {
    const read = await readImage(input)
    expect(read.data).toHaveLength(27)
    expect(pixel(read, 1, 1)).toEqual([128, 128, 128])
  }
})

test('what is no picture is image/invalid, with a reason', async () => {
  const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
  const png = await encodeImage(solid(64, 64, [1, 2, 3]), 'png')
  const large = await sharp({ create: { width: 8001, height: 8000, channels: 3, background: 'red' } })
    .png({ compressionLevel: 1 })
    .toBuffer()
  const cases: [unknown, RegExp][] = [
    [new Uint8Array(10), /cannot be read/],
    [png.subarray(0, png.length - 60), /cannot be read/],
    [svg, /got svg/],
    [large, /at most 64000000 pixels, got 8001 x 8000/],
    [path.join(folder, 'none.png'), /cannot read .*none\.png/],
    [{ data: new Uint8Array(5), width: 2, height: 1, channels: 3 }, /expected 6 bytes .*got 5/],
    [{ data: new Uint8Array(4), width: 2, height: 2, channels: 1 }, /channels must be 3 or 4, got 1/],
    [{ data: new Uint8Array(0), width: 0, height: 2, channels: 3 }, /sides must be positive/],
    [42, /got 42/],
  ]
  for (const [input, message] of cases) {
    await expect(readImage(input as RawImage)).rejects.toMatchObject({
      code: 'image/invalid',
      message: expect.stringMatching(message) as unknown,
    })
  }
  await expect(readImage('https://example.com/a.png')).rejects.toMatchObject({ code: 'request/invalid' })
})

test.each(['png', 'webp', 'jpeg'] as const)('%s carries parameters, any text', async (format) => {
  const bytes = await encodeImage(solid(8, 8, [200, 100, 50]), format, { metadata })
  expect(await readParameters(bytes)).toEqual(parameters)
  const read = await readImage(bytes)
  for (const [i, value] of pixel(read, 4, 4).entries()) expect(Math.abs(value - [200, 100, 50][i]!)).toBeLessThan(6)
  expect(await readParameters(await encodeImage(solid(8, 8, [0, 0, 0]), format))).toBeUndefined()
})

test('the PNG chunk is well-formed, and broken ones are no text', async () => {
  const png = await encodeImage(solid(8, 8, [1, 1, 1]), 'png')
  const text = addPngText(png, { a: 'x', 'lumina-dimoo': 'y' })
  expect(await sharp(text, { failOn: 'warning' }).metadata()).toMatchObject({ width: 8, height: 8 })
  expect(readPngText(text, 'lumina-dimoo')).toBe('y')
  expect(readPngText(text, 'b')).toBeUndefined()
  for (let length = 0; length < 80; length++) expect(readPngText(text.subarray(0, length), 'lumina-dimoo') ?? 'y').toBe('y')
  await expect(readParameters(addPngText(png, { 'lumina-dimoo': '{' }))).rejects.toMatchObject({
    code: 'image/invalid',
  })
  await expect(readParameters(addPngText(png, { 'lumina-dimoo': '{"version":9}' }))).rejects.toThrow(/version 9/)
})

test('encode options are checked', async () => {
  const image = solid(8, 8, [1, 1, 1])
  await expect(encodeImage(image, 'gif' as never)).rejects.toThrow(/format must be one of 'png', 'jpeg', 'webp', got 'gif'/)
  await expect(encodeImage(image, 'jpeg', { quality: 0 })).rejects.toThrow(/quality must be an integer from 1 to 100, got 0/)
  await expect(encodeImage(image, 'png', { metadata: { 'a b': 'x' } })).rejects.toThrow(/metadata/)
  const small = await encodeImage(solid(64, 64, [1, 200, 1]), 'jpeg', { quality: 1 })
  expect(small.length).toBeLessThanOrEqual((await encodeImage(solid(64, 64, [1, 200, 1]), 'jpeg')).length)
})

test('an animation has its frames, delays, and loops', async () => {
  const frames = [solid(16, 8, [255, 0, 0]), solid(16, 8, [0, 255, 0]), solid(16, 8, [0, 0, 255])]
  const webp = await encodeAnimation(frames, [100, 100, 900])
  expect(await sharp(webp, { animated: true }).metadata()).toMatchObject({
    pages: 3,
    pageHeight: 8,
    width: 16,
    delay: [100, 100, 900],
    loop: 0,
  })
  const still = await encodeAnimation([frames[0]!, frames[0]!, frames[1]!], [100, 100, 900], 'gif')
  expect(await sharp(still, { animated: true }).metadata()).toMatchObject({ pages: 3, delay: [100, 100, 900] })
  await expect(encodeAnimation([frames[0]!, solid(8, 8, [0, 0, 0])], [1, 1])).rejects.toMatchObject({
    code: 'image/invalid',
  })
  await expect(encodeAnimation([], [])).rejects.toMatchObject({ code: 'image/invalid' })
})

test('the image tokenizer gets multiples of its cell', async () => {
  const fits = solid(16, 24, [1, 2, 3])
  expect((await fitToGrid(fits, 8)).data).toBe(fits.data)
  expect(await fitToGrid(solid(20, 31, [1, 2, 3]), 8)).toMatchObject({ width: 16, height: 24 })
  expect(asked.resized).toEqual([[20, 31, 16, 24, 'lanczos']])
  await expect(fitToGrid(solid(7, 31, [1, 2, 3]), 8)).rejects.toThrow(/at least 8 x 8 pixels, got 7 x 31/)
})

test('damaged parameters are named', () => {
  const good = {
    version: 1,
    task: 'generate',
    prompt: 'a',
    width: 64,
    height: 64,
    steps: 4,
    guidance: 1,
    guidanceFloor: 0.1,
    temperature: 0,
    schedule: 'cosine',
    seed: '7',
    precision: 'fast',
    model: { name: 'm', weights: 'bf16' },
  }
  expect(parseParameters(JSON.stringify(good))).toEqual(good)
  const damage = { guidanceFloor: '0', seed: 1.5, schedule: [], model: null, width: '64', prompt: 3, precision: 'x' }
  for (const [name, value] of Object.entries(damage)) {
    expect(() => parseParameters(JSON.stringify({ ...good, [name]: value }))).toThrow(`parameter ${name} is damaged`)
  }
})
