// Parameters inside pictures outlive what other tools do to their files: compressed and other text chunks, XMP written anew, conversion
// between formats by sharp.
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { encodeImage } from '../../lib/image/encode.js'
import { readPngText } from '../../lib/image/png-text.js'
import { makeXmp, readXmp } from '../../lib/image/xmp.js'
import { PARAMETERS_KEY } from '../../lib/parameters/parameters.js'
import { readParameters } from '../../lib/parameters/read.js'

const parameters = {
  version: 1,
  task: 'generate',
  prompt: 'ein <rotes> Haus & "mehr" 🏠',
  width: 8,
  height: 8,
  steps: 4,
  guidance: 4,
  temperature: 1,
  schedule: 'cosine',
  seed: '7',
  precision: 'fast',
  model: { name: 'm', weights: 'bf16' },
}
const text = JSON.stringify(parameters)
const image = { data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 } as const
const made = (format: 'png' | 'jpeg' | 'webp') => encodeImage(image, format, { metadata: { [PARAMETERS_KEY]: text } })

/** A PNG whose only text is one chunk. */
async function withChunk(type: string, data: Buffer): Promise<Uint8Array> {
  const png = await encodeImage(image, 'png')
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  crc.writeUInt32BE(crc32(body))
  return Buffer.concat([png.subarray(0, 33), length, body, crc, png.subarray(33)])
}
const named = (rest: Buffer): Buffer => Buffer.concat([Buffer.from(`${PARAMETERS_KEY}\0`), rest])

describe('chunks', () => {
  test.each<[string, string, Buffer]>([
    ['compressed iTXt', 'iTXt', Buffer.concat([Buffer.from('\x01\0en\0\0', 'latin1'), deflateSync(text)])],
    ['iTXt with a language', 'iTXt', Buffer.concat([Buffer.from('\0\0en\0Parameter\0', 'latin1'), Buffer.from(text)])],
    ['zTXt', 'zTXt', Buffer.concat([Buffer.from('\0'), deflateSync(text)])],
    ['tEXt', 'tEXt', Buffer.from(text)],
  ])('%s is read', async (_, type, data) => {
    expect(await readParameters(await withChunk(type, named(data)))).toEqual(parameters)
  })

  test.each<[string, string, Buffer]>([
    ['what is no deflate', 'zTXt', Buffer.from('\0nonsense')],
    ['a method that there is not', 'zTXt', Buffer.concat([Buffer.from('\x01'), deflateSync(text)])],
    ['what would be larger than 4 MiB', 'zTXt', Buffer.concat([Buffer.from('\0'), deflateSync(Buffer.alloc(5 << 20, 'a'))])],
  ])('%s is none', async (_, type, data) => {
    expect(readPngText(await withChunk(type, named(data)), PARAMETERS_KEY)).toBeUndefined()
  })
})

describe('XMP', () => {
  const xmp = makeXmp({ [PARAMETERS_KEY]: text })
  test.each<[string, string]>([
    ['as we write it', xmp],
    ['under another prefix', xmp.replaceAll('dimoo:lumina', 'ns1:lumina').replace('xmlns:dimoo', 'xmlns:ns1')],
    ['with named references', xmp.replaceAll('&#60;', '&lt;').replaceAll('&#62;', '&#x3E;').replaceAll('&#38;', '&amp;')],
    [
      'as an attribute',
      `<rdf:Description xmlns:n='urn:lumina-dimoo:1'\n n:lumina-dimoo="${text.replace(/[&<>"]/g, (c) => `&#x${c.charCodeAt(0).toString(16)};`)}"/>`,
    ],
  ])('%s is read', (_, packet) => {
    expect(readXmp(packet, PARAMETERS_KEY)).toBe(text)
  })

  test('of another namespace is none', () => {
    expect(readXmp(xmp.replace('urn:lumina-dimoo:1', 'urn:other'), PARAMETERS_KEY)).toBeUndefined()
  })
})

describe('conversion by sharp that keeps metadata', () => {
  test.each(['png', 'jpeg', 'webp'] as const)('from %s to every format and back', async (from) => {
    for (const to of ['png', 'jpeg', 'webp'] as const) {
      const converted = await sharp(await made(from))
        .resize(16)
        .keepMetadata()
        .toFormat(to)
        .toBuffer()
      expect(await readParameters(converted), to).toEqual(parameters)
      expect(await readParameters(await sharp(converted).keepXmp().toFormat(from).toBuffer()), `${to} and back`).toEqual(parameters)
    }
  })
})
