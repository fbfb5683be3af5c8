// Pictures of a decoding at OpenAI's routes, where several are decoded together: whose they are, and how many come.
import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { expect, onTestFinished, test } from 'vitest'
import { loadModel } from '../../lib/index.js'
import type { ServerOptions } from '../../lib/server/types.js'
import { eventsOf, serve } from './world.js'

const DRAWN = { prompt: 'a red circle', steps: 8, size: '64x64' }

async function world(options: ServerOptions = {}): Promise<(more: object, headers?: Record<string, string>) => Promise<Response>> {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model, options)
  return (more, headers = {}) => ask('/v1/images/generations', { json: { ...DRAWN, ...more }, headers })
}

/** Its frames, below each other. */
async function filmOf(draw: Promise<Response>): Promise<{ readonly seed: string; readonly pixels: string; readonly frames: number }> {
  const { data } = (await (await draw).json()) as { data: readonly { readonly b64_json: string; readonly seed: string }[] }
  const { b64_json, seed } = data[0]!
  const film = sharp(Buffer.from(b64_json, 'base64'), { animated: true })
  return {
    seed,
    pixels: createHash('sha256')
      .update(await film.clone().raw().toBuffer())
      .digest('hex'),
    frames: (await film.metadata()).pages ?? 1,
  }
}

test('a film of the best of several is that of the one that was kept', async () => {
  const draw = await world()
  const kept = new Set<string>()
  for (const seed of [1, 7, 20, 33]) {
    const film = { output_format: 'webp', frame_count: 3 }
    const best = await filmOf(draw({ ...film, seed, bestOf: 4 }))
    const alone = await filmOf(draw({ ...film, seed: best.seed }))
    expect(best).toEqual(alone)
    kept.add(String(Number(best.seed) - seed))
  }
  expect([...kept].some((candidate) => candidate !== '0')).toBe(true) // else it says nothing
}, 120_000)

test('a film is held within its limit with every picture that is decoded for it', async () => {
  const draw = await world({ maxPixels: 100_000 })
  const film = { output_format: 'gif', frame_count: 8 }
  expect((await draw({ ...film, n: 3 })).status).toBe(200)
  for (const more of [{ n: 4 }, { n: 1, bestOf: 4 }, { n: 1, quality: 'high' }]) {
    const refused = await draw({ ...film, ...more })
    const message = `images: frame_count of generate must keep a film within 100000 pixels here, got ${4 * 8 * 64 * 64}`
    expect([more, refused.status, await refused.json()]).toMatchObject([more, 400, { error: { message } }])
  }
}, 60_000)

test.each([
  [{ n: 1 }, ['0 0', '0 1']],
  [{ n: 2 }, ['0 0', '0 1', '1 0', '1 1']],
  [{ n: 1, bestOf: 3 }, ['0 0', '0 1']],
])(
  '%j: partial pictures say which they belong to, as many as were asked for',
  async (more, expected) => {
    const draw = await world()
    const events = await eventsOf(await draw({ ...more, seed: 3, stream: true, partial_images: 2 }))
    const told = events.map(({ data }) => JSON.parse(data) as { type: string; image_index: number; partial_image_index?: number })
    const partial = told.filter(({ type }) => type === 'image_generation.partial_image')
    expect(partial.map(({ image_index: image, partial_image_index: index }) => `${image} ${index}`).sort()).toEqual(expected)
    const ends = told.filter(({ type }) => type === 'image_generation.completed')
    expect(ends.map(({ image_index: image }) => image)).toEqual(Array.from({ length: more.n }, (_, i) => i))
  },
  60_000,
)

test('who asks again under the same Idempotency-Key gets the same film, and the same pictures on the way', async () => {
  const draw = await world()
  const film = { output_format: 'gif', frame_count: 4, seed: 3, bestOf: 2 }
  const twice = async (more: object, key: string): Promise<readonly string[]> => {
    const answers = []
    for (let i = 0; i < 2; i++) {
      const response = await draw(more, { 'idempotency-key': key })
      expect([response.headers.get('idempotent-replayed'), response.headers.get('warning')]).toEqual([i === 0 ? null : 'true', null])
      answers.push((await response.text()).replace(/"created(?:_at)?":\d+/g, ''))
    }
    return answers
  }
  const [first, second] = await twice(film, 'film')
  expect(second).toBe(first)
  const [streamed, again] = await twice({ stream: true, partial_images: 2, seed: 3 }, 'stream')
  expect(streamed!.match(/image_generation.partial_image/g)).toHaveLength(4)
  expect(again).toBe(streamed)
}, 60_000)

test.each([
  [{ partial_images: 2 }, /partial_images: they come on a stream/],
  [{ frame_duration_ms: 50 }, /frame_duration_ms: it is of films/],
  [{ output_compression: 50 }, /output_compression: png keeps every pixel/],
  [{ output_compression: 100 }, undefined],
  [{ output_format: 'webp', output_compression: 50 }, undefined],
])('%j: what has no effect is told', async (more, expected) => {
  const draw = await world()
  const warning = (await draw({ ...more, seed: 3 })).headers.get('warning') ?? undefined
  if (expected) expect(warning).toMatch(expected)
  else expect(warning).toBeUndefined()
})

test('pictures on the way of a GIF are PNG, and say so', async () => {
  const draw = await world()
  const events = await eventsOf(await draw({ output_format: 'gif', stream: true, partial_images: 1, seed: 3 }))
  const told = events.map(({ data }) => JSON.parse(data) as { output_format: string; b64_json: string })
  expect(told.map(({ output_format: format }) => format)).toEqual(['png', 'gif'])
  expect(told.map(({ b64_json: file }) => Buffer.from(file, 'base64').subarray(0, 4).toString('latin1'))).toEqual(['\x89PNG', 'GIF8'])
})
