// What a user may hand in by mistake or malice, task by task: a clear error of the right code, the process lives, and the next run works.
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, type DimooModel } from '../../lib/index.js'

let model: DimooModel
beforeAll(async () => {
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(async () => {
  const { image } = await model.generate({ prompt: 'a red circle', steps: 2, seed: 1 }).result()
  expect(image.data).toHaveLength(64 * 64 * 3)
})
afterAll(() => model.close())

const plain = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#e21e26' } })
const png = (width = 64, height = 64): Promise<Buffer> => plain(width, height).png().toBuffer()

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(8)
  out.writeUInt32BE(data.length)
  out.writeUInt32BE(crc(body), 4)
  return Buffer.concat([out.subarray(0, 4), body, out.subarray(4)])
}
// zlib.crc32 is newer than the oldest Node that we run on.
function crc(bytes: Buffer): number {
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

/** A PNG of these sides in a few bytes: what a decompression bomb says of itself. */
function bomb(side: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header.set([1, 0, 0, 0, 0], 8)
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const data = deflateSync(Buffer.alloc(1 << 20))
  return Buffer.concat([magic, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

type Pictured = 'edit' | 'control' | 'predict' | 'subject' | 'style' | 'view' | 'inpaint' | 'outpaint' | 'retouch' | 'ask'
const withPicture = (task: Pictured, image: Uint8Array): Promise<unknown> => {
  const prompt = 'a red circle'
  const common = { image, steps: 2 }
  const start = {
    edit: () => model.edit({ prompt, ...common }),
    control: () => model.control({ prompt, ...common, control: 'depth' }),
    predict: () => model.predict({ ...common, map: 'depth' }),
    subject: () => model.subject({ prompt, ...common }),
    style: () => model.style({ ...common, style: image }),
    view: () => model.view({ ...common, view: 'left' }),
    inpaint: () => model.inpaint({ prompt, ...common, mask: { ratio: { width: 1, height: 1 } } }),
    outpaint: () => model.outpaint({ prompt, ...common, extend: { left: 16 } }),
    retouch: () => model.retouch({ from: image, steps: 2, region: { left: 0, top: 0, width: 1, height: 1 } }),
    ask: () => model.ask({ prompt, images: [image] }),
  }
  return start[task]().result()
}
const tasks: readonly Pictured[] = ['edit', 'control', 'predict', 'subject', 'style', 'view', 'inpaint', 'outpaint', 'retouch', 'ask']

describe.each(tasks)('%s refuses', (task) => {
  test('pictures that cannot be read, or are too large, before they are unpacked', async () => {
    const corrupt = await png()
    corrupt.fill(0x5a, 60, 90)
    const before = process.memoryUsage().rss
    for (const bytes of [new Uint8Array(0), Buffer.from('no picture'), corrupt, (await png()).subarray(0, 80), bomb(40_000)]) {
      await expect(withPicture(task, bytes)).rejects.toMatchObject({ code: 'image/invalid' })
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20)
  })
})

test.each(tasks)('%s takes pictures of every kind', { timeout: 60_000 }, async (task) => {
  const kinds = [
    plain(64, 64).toColourspace('cmyk').jpeg(),
    plain(64, 64).toColourspace('rgb16').png(),
    plain(64, 64).greyscale().png(),
    sharp({ create: { width: 64, height: 64, channels: 4, background: { r: 226, g: 30, b: 38, alpha: 0.5 } } }).png(),
    plain(64, 64).gif(),
  ]
  for (const kind of kinds) await withPicture(task, await kind.toBuffer())
})

test.each<[Pictured, boolean]>([
  ['edit', true],
  ['ask', true],
  ['inpaint', false],
  ['outpaint', false],
  ['retouch', false],
])('%s and a picture of one pixel', async (task, takes) => {
  const run = withPicture(task, await png(1, 1))
  // Crops enlarge; what keeps its size needs a cell.
  if (takes) await run
  else await expect(run).rejects.toMatchObject({ code: 'image/invalid', message: expect.stringMatching(/1 x 1/) as string })
})

describe('masks and regions', () => {
  const inpaint = async (mask: unknown): Promise<unknown> =>
    model.inpaint({ prompt: 'x', image: await png(), mask: mask as never, steps: 2 }).result()

  test('of another size', async () => {
    await expect(inpaint(await png(32, 64))).rejects.toMatchObject({
      code: 'image/invalid',
      message: expect.stringMatching(/64 x 64.*32 x 64/) as string,
    })
  })
  test('empty, and full', async () => {
    const black = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'black' } })
      .png()
      .toBuffer()
    const white = await sharp({ create: { width: 64, height: 64, channels: 3, background: 'white' } })
      .png()
      .toBuffer()
    await expect(inpaint(black)).rejects.toMatchObject({ code: 'request/invalid' })
    await inpaint(white)
  })
  test('outside the picture', async () => {
    await expect(inpaint({ left: 60, top: 0, width: 8, height: 8 })).rejects.toMatchObject({
      code: 'request/invalid',
      message: expect.stringMatching(/64 x 64/) as string,
    })
    await expect(model.retouch({ from: await png(), region: { left: -1, top: 0, width: 8, height: 8 } }).result()).rejects.toMatchObject({
      code: 'request/invalid',
    })
  })
})

test.each<[string, () => unknown, RegExp]>([
  [
    'a length that no block divides',
    () => model.chat({ messages: [{ role: 'user', content: 'x' }], length: 30, block: 8 }),
    /length.*multiple of block.*30.*8/,
  ],
  [
    'steps that no block divides',
    () => model.chat({ messages: [{ role: 'user', content: 'x' }], length: 32, block: 8, steps: 30 }),
    /steps.*multiple of.*4.*30/,
  ],
  [
    'a cache beside prefix reuse',
    () => model.chat({ messages: [{ role: 'user', content: 'x' }], cache: true, reuse: 'prefix' }),
    /cache.*prefix/,
  ],
  ['an unknown option', () => model.edit({ prompt: 'x', image: 'x.png', strength: 0.5 } as never), /unknown option 'strength'/],
  ['a map that is none', () => model.predict({ image: 'x.png', map: 'heat' as never }), /map must be one of/],
  ['no picture', () => model.ask({ prompt: 'x', images: [] }), /at least one picture/],
  ['no prompt', () => model.edit({ image: 'x.png' } as never), /prompt/],
  ['a cache ratio over 1', () => model.generate({ prompt: 'x', cache: { ratio: 1.5 } }), /ratio.*from 0 to 1.*1.5/],
  ['a threshold over 1', () => model.ask({ prompt: 'x', images: ['x.png'], threshold: 2 }), /threshold.*from 0 to 1.*2/],
])('%s is refused at once, in words', (_, start, message) => {
  expect(start).toThrow(expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as string }))
})
