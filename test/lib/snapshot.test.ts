// Snapshots: written at a step boundary, read in another process, refused in words where they do not fit.
import { createHash } from 'node:crypto'
import { crc32, deflateSync, inflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeCbor } from '../../lib/wire/cbor.js'
import { asked, behaviour, fake, imageRuns, reset, textRuns } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel, snapshotHeader } = await import('../../lib/index.js')
type Model = Awaited<ReturnType<typeof loadModel>>

let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())

const image = { data: new Uint8Array(32 * 16 * 3).fill(40), width: 32, height: 16, channels: 3 as const }
const inpaint = { image, prompt: 'a red circle', mask: { left: 0, top: 0, width: 16, height: 16 }, seed: 7, n: 2, steps: 50, composite: {} }
const resultOf = async (bytes: Uint8Array) => model.resume(bytes).result()

async function snapshot(): Promise<Uint8Array> {
  const run = model.inpaint(inpaint)
  const bytes = await run.snapshot()
  run.abort()
  await run.result().catch(() => undefined)
  return bytes
}

test('an image run goes on from its step with the same request, and composes as it would have', async () => {
  const schedule = (progress: number): number => 1 - progress
  const run = model.inpaint({ ...inpaint, schedule, cache: true }, { priority: 5, tag: 'first' })
  const bytes = await run.snapshot()
  const whole = await run.result()
  const resumed = model.resume(bytes, { tag: 'second', delivery: 'all' })
  expect(resumed.state).toBe('queued')
  const steps = []
  for await (const step of resumed) steps.push(step)
  const result = await resumed.result()
  expect(steps[0]!.step).toBe(asked.states[1]![0])
  expect(steps.at(-1)!.step).toBe(49)
  const [before, after] = imageRuns()
  expect(after).toEqual({ ...before, priority: 0, tag: 'second', delivery: 'all' })
  expect(after!.schedule).toBeInstanceOf(Float32Array)
  if (!('images' in result)) throw new Error('expected pictures')
  expect(result.images.map((one) => [one.seed, one.image, one.tokens, one.parameters])).toEqual(
    whole.images.map((one) => [one.seed, one.image, one.tokens, one.parameters]),
  )
  expect(result.usage).toEqual(whole.usage)
  expect([result.image.data[0], result.image.data.at(-1)]).toEqual([200, 40])
})

test('a text run', async () => {
  behaviour.answer = [...(await model.tokenize('a red circle')), 602]
  const run = model.chat({ messages: [{ role: 'user', content: 'What?' }], threshold: 0.5, steps: 16 })
  const bytes = await run.snapshot()
  const whole = await run.result()
  expect(await resultOf(bytes)).toMatchObject({ text: 'a red circle', seed: whole.seed, usage: whole.usage })
  expect(textRuns()[1]).toEqual(textRuns()[0])
})

test('a run that has ended has no snapshot', async () => {
  const run = model.generate({ prompt: 'x' })
  await run.result()
  await expect(run.snapshot()).rejects.toMatchObject({ code: 'request/invalid' })
  const aborted = model.generate({ prompt: 'x' })
  aborted.abort()
  await expect(aborted.snapshot()).rejects.toThrow(/snapshot needs a run that goes on/)
})

describe('what does not fit is refused at once, both named', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['model', { sha256: 'cd'.repeat(32), name: 'other' }, /expected a snapshot of model other \(cdcd.*got one of fake \(abab/],
    ['precision', { precision: 'fast' }, /expected a snapshot of precision 'fast', got one of 'f32'/],
    ['variant', { variants: { linear: 'avx2' } }, /variant 'cpu linear=avx2', got one of 'cpu attention=portable linear=portable'/],
  ])('another %s', async (_, info, message) => {
    const bytes = await snapshot()
    behaviour.info = info
    const other = await loadModel(undefined, { device: 'cpu' })
    expect(() => other.resume(bytes)).toThrow(
      expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }),
    )
    await other.close()
  })

  test('another version, something else, too little', async () => {
    const bytes = await snapshot()
    const version = Uint8Array.from(bytes)
    version[8] = 3
    expect(() => model.resume(version)).toThrow(/expected a snapshot of version 2, got version 3/)
    expect(() => model.resume(new Uint8Array(100))).toThrow(/expected the bytes of a snapshot/)
    expect(() => model.resume(bytes.subarray(0, 30))).toThrow(/damaged: 30 bytes are too few/)
    expect(() => model.resume('bytes' as never)).toThrow(/snapshot must be an Uint8Array, got 'bytes'/)
  })
})

test('truncated at any place, or with any byte changed, it is refused', async () => {
  const bytes = await snapshot()
  const refused = async (damaged: Uint8Array): Promise<unknown> => {
    try {
      return await resultOf(damaged)
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  for (let i = 0; i < bytes.length; i += 7) {
    expect(await refused(bytes.subarray(0, i))).toBe('request/invalid')
    const changed = Uint8Array.from(bytes)
    changed[i]! ^= 0x40
    expect(await refused(changed)).toBe('request/invalid')
  }
  expect(imageRuns()).toHaveLength(1)
})

test('forged bodies with a right digest are refused before they reach the addon', async () => {
  const bytes = Buffer.from(await snapshot())
  for (const body of [
    new Uint8Array(0),
    Uint8Array.of(255, 255, 255, 255),
    encodeCbor({ request: {}, state: 1 }),
    encodeCbor({ request: {}, state: Uint8Array.of(1) }),
    encodeCbor([]),
    new Uint8Array(100_000).fill(0x81),
  ]) {
    await expect(
      resultOf(
        forged(
          bytes,
          (header) => header,
          () => body,
        ),
      ),
    ).rejects.toMatchObject({
      code: 'request/invalid',
      message: expect.stringMatching(/damaged/) as unknown,
    })
  }
  expect(imageRuns()).toHaveLength(1)
})

/** A snapshot of another header or body, all digests right. */
function forged(bytes: Buffer, head: (header: Record<string, unknown>) => object, body: (found: Uint8Array) => Uint8Array): Uint8Array {
  const length = bytes.readUInt32LE(12)
  const found = body(inflateSync(bytes.subarray(20 + length, -32)))
  const packed = deflateSync(found)
  const old = JSON.parse(bytes.toString('utf8', 20, 20 + length)) as Record<string, unknown>
  const header = Buffer.from(JSON.stringify(head({ ...old, bodyBytes: found.length })))
  const fixed = Buffer.from(bytes.subarray(0, 20))
  fixed.writeUInt32LE(header.length, 12)
  fixed.writeUInt32LE(crc32(header), 16)
  return Buffer.concat([fixed, header, packed, createHash('sha256').update(packed).digest()])
}

test.each<[string, (header: Record<string, unknown>) => object, RegExp]>([
  ['a step beyond the last', (header) => ({ ...header, step: 51 }), /step 51 of 50/],
  ['more bytes than its sizes need', (header) => ({ ...header, bodyBytes: 2 ** 31 }), /a body of 2147483648 bytes where \d+ are enough/],
  ['more cells than there are', (header) => ({ ...header, sizes: { images: 2, width: 65_536, height: 2 } }), /more than 65536 cells/],
  ['other sizes than its body has', (header) => ({ ...header, positions: 1 }), /of other sizes than its header says/],
  [
    'a picture of another size',
    (header) => ({ ...header, sizes: { images: 2, width: 8, height: 2 } }),
    /a picture of 512 pixels, expected none or 1024/,
  ],
  ['a task of another kind', (header) => ({ ...header, task: 'chat' }), /damaged: header: sizes/],
  ['an entry that nobody knows', (header) => ({ ...header, more: 1 }), /unknown option 'more'/],
  ['no fingerprint', (header) => ({ ...header, model: { name: 'x' } }), /sha256 must be/],
])('a header with %s is refused', async (_, head, message) => {
  const bytes = Buffer.from(await snapshot())
  const act = async (): Promise<unknown> => resultOf(forged(bytes, head, (body) => body))
  await expect(act()).rejects.toMatchObject({ code: 'request/invalid', message: expect.stringMatching(message) as unknown })
  expect(imageRuns()).toHaveLength(1)
})

test('its header tells what it is of, without a model', async () => {
  const bytes = await snapshot()
  expect(snapshotHeader(bytes)).toEqual({
    version: 2,
    task: 'inpaint',
    model: { name: 'fake', sha256: 'ab'.repeat(32) },
    precision: 'f32',
    variant: 'cpu attention=portable linear=portable',
    step: asked.snapshots[0],
    steps: 50,
    sizes: { images: 2, width: 4, height: 2 },
  })
  expect(() => snapshotHeader(new Uint8Array(100))).toThrow(/expected the bytes of a snapshot/)
})

describe('where bits need not be the same', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['precision', { precision: 'fast' }, /resumed at step \d+ of 50 with precision 'fast', begun with 'f32'/],
    ['variant', { variants: { linear: 'avx2' } }, /with variant 'cpu linear=avx2', begun with 'cpu attention=portable linear=portable'/],
  ])('exact: false goes on under another %s, and the result says so', async (_, info, message) => {
    const bytes = await snapshot()
    behaviour.info = info
    const other = await loadModel(undefined, { device: 'cpu' })
    const { warnings } = await other.resume(bytes, { exact: false }).result()
    expect(warnings).toEqual([expect.stringMatching(message)])
    await other.close()
  })

  test('an operation that one of both does not know decides nothing', async () => {
    const bytes = await snapshot()
    behaviour.info = { variants: { linear: 'portable', attention: 'portable', choose: 'portable' } }
    const newer = await loadModel(undefined, { device: 'cpu' })
    expect((await newer.resume(bytes).result()).warnings).toEqual([])
    await newer.close()
  })
})
