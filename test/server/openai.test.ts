// The official client of OpenAI, unmodified, against the miniature: pictures, edits, streams, vision, conversations, errors.
import { createHash } from 'node:crypto'
import OpenAI, { APIError, AuthenticationError, BadRequestError, RateLimitError, toFile } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel, type DimooModel } from '../../lib/index.js'
import { createServer } from '../../lib/server/app.js'
import type { App } from '../../lib/server/instance.js'
import { readImage } from '../../lib/image/read.js'
import { encodeImage } from '../../lib/image/encode.js'
import { ScriptedRunner } from './scripted.js'
import { serve } from './world.js'

let model: DimooModel
let app: App
let openai: OpenAI
let url: string
let circle: Uint8Array // a finished picture as a file

const seeded = { seed: 7, steps: 12 }
const bytesOf = (b64: string | undefined): Uint8Array => Buffer.from(b64 ?? '', 'base64')
const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
const pixelsOf = async (b64: string | undefined): Promise<string> => digest((await readImage(bytesOf(b64))).data)

beforeAll(async () => {
  model = await loadModel()
  app = createServer({ miniature: model }, { drainMs: 0 })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
  openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 })
  circle = await (await model.generate({ prompt: 'a red circle', ...seeded }).result()).encode('png')
})

afterAll(async () => {
  await app.close()
  await model.close()
})

test('draws the bits of a local run, under whatever name a client has for the model', async () => {
  const { data, response } = await openai.images
    .generate({
      model: 'gpt-image-1',
      prompt: 'a red circle',
      size: '1024x1024',
      user: 'u1',
      background: 'opaque',
      ...({ complexity: 'high', threshold: 0.9 } as object),
      ...seeded,
    })
    .withResponse()
  expect(data).toMatchObject({ size: '64x64', output_format: 'png', background: 'opaque', data: [{ seed: '7' }] })
  expect(await pixelsOf(data.data![0]!.b64_json)).toBe(await pixelsOf(Buffer.from(circle).toString('base64')))
  expect(data.usage).toMatchObject({ input_tokens_details: { image_tokens: 0 }, output_tokens: 64 })
  expect(response.headers.get('warning')).toMatch(
    /^299 - "ignored: complexity, threshold, user", 299 - "size 1024x1024 is not one of this model; 64x64 was drawn"$/,
  )
  const wide = await openai.images.generate({ prompt: 'a red circle', size: '1792x1024', n: 2, output_format: 'webp', ...seeded })
  expect([wide.size, wide.data!.length]).toEqual(['88x48', 2])
  expect(bytesOf(wide.data![0]!.b64_json).subarray(8, 12)).toEqual(Buffer.from('WEBP'))
})

test('quality is a preset, unless steps are said; what cannot be honoured is in the warning', async () => {
  const runner = new ScriptedRunner()
  const few = await serve(runner, { maxImages: 2 })
  const asked = async (body: object): Promise<readonly [unknown, string | null]> => {
    const before = runner.runs.length
    const answer = few.ask('/v1/images/generations', { json: { prompt: 'x', ...body } })
    while (runner.runs.length === before) await new Promise((resolve) => setTimeout(resolve, 5))
    runner.last.finish()
    const { seed: _, ...request } = runner.last.request as Record<string, unknown>
    return [request, (await answer).headers.get('warning')]
  }
  expect(await asked({ quality: 'auto' })).toEqual([{ prompt: 'x' }, null])
  expect(await asked({ quality: 'low' })).toEqual([{ prompt: 'x', preset: 'fast' }, null])
  for (const quality of ['medium', 'standard']) expect(await asked({ quality })).toEqual([{ prompt: 'x', preset: 'balanced' }, null])
  expect(await asked({ quality: 'hd', bestOf: 1 })).toEqual([{ prompt: 'x', preset: 'best', bestOf: 1 }, null])
  expect(await asked({ quality: 'high' })).toEqual([
    { prompt: 'x', preset: 'best', bestOf: 2 },
    '299 - "quality: the best of 2 is drawn, not of 4"',
  ])
  expect(await asked({ quality: 'low', preset: 'balanced' })).toEqual([
    { prompt: 'x', preset: 'balanced' },
    '299 - "quality: low gives way to preset balanced"',
  ])
  const { steps = 0 } = (await model.info()).presets.generate.fast
  const quick = await openai.images.generate({ prompt: 'a red circle', quality: 'low', ...({ seed: 7 } as object) })
  const local = await model.generate({ prompt: 'a red circle', seed: 7, steps }).result()
  expect(await pixelsOf(quick.data![0]!.b64_json)).toBe(digest(local.image.data))
})

test('edits: with a mask only what is transparent changes, several pictures go where the task wants them', async () => {
  const image = await toFile(circle, 'circle.png', { type: 'image/png' })
  const rgba = new Uint8Array(64 * 64 * 4).fill(255)
  for (let i = 0; i < 64 * 32; i++) rgba[i * 4 + 3] = 0 // the upper half
  const mask = await toFile(await encodeImage({ data: rgba, width: 64, height: 64, channels: 4 }, 'png'), 'mask.png')
  const painted = await openai.images.edit({ image, mask, prompt: 'a blue square', ...seeded, ...({ composite: '{}' } as object) })
  const [before, after] = [await readImage(circle), await readImage(bytesOf(painted.data![0]!.b64_json))]
  const half = 64 * 32 * 3
  expect(digest(after.data.subarray(half))).toBe(digest(before.data.subarray(half)))
  expect(digest(after.data.subarray(0, half))).not.toBe(digest(before.data.subarray(0, half)))
  const edited = await openai.images.edit({ image, prompt: 'Change the red circle to blue.', ...seeded })
  const local = await model.edit({ image: circle, prompt: 'Change the red circle to blue.', ...seeded }).result()
  expect(digest((await readImage(bytesOf(edited.data![0]!.b64_json))).data)).toBe(digest(local.image.data))
  expect(edited.usage!.input_tokens_details).toMatchObject({ image_tokens: 64 + 8 + 2 })
  const styled = await openai.images.edit({ image: [image, image], prompt: '', ...seeded, ...({ task: 'style' } as object) })
  expect(await pixelsOf(styled.data![0]!.b64_json)).toBe(
    digest((await model.style({ image: circle, style: circle, ...seeded }).result()).image.data),
  )
  const many = await openai.images.edit({ image: [image, image], prompt: 'x', ...seeded }).catch((error: unknown) => error)
  expect(many).toMatchObject({ status: 400, param: 'image', message: '400 images: edit takes 1 picture, got 2' })
})

test('streams partial pictures, then the finished one, whose bits are those without a stream', async () => {
  const types: string[] = []
  let last = ''
  const stream = await openai.images.generate({ prompt: 'a red circle', stream: true, partial_images: 3, ...seeded })
  for await (const event of stream) {
    types.push(event.type)
    expect(bytesOf(event.b64_json).subarray(1, 4)).toEqual(Buffer.from('PNG'))
    if (event.type === 'image_generation.partial_image') expect(event.partial_image_index).toBe(types.length - 1)
    else expect(event.usage.total_tokens).toBeGreaterThan(64)
    last = event.b64_json
  }
  expect(types.at(-1)).toBe('image_generation.completed')
  expect(types.slice(0, -1).every((type) => type === 'image_generation.partial_image')).toBe(true)
  expect(types.length).toBeGreaterThan(1)
  expect(await pixelsOf(last)).toBe(await pixelsOf(Buffer.from(circle).toString('base64')))
  const image = await toFile(circle, 'circle.png')
  const kinds = []
  for await (const event of await openai.images.edit({ image, prompt: 'Remove it.', stream: true, partial_images: 1, ...seeded }))
    kinds.push(event.type)
  expect(kinds.at(-1)).toBe('image_edit.completed')
})

test('a film of the decoding, as GIF and WebP', async () => {
  for (const output_format of ['gif', 'webp'] as const) {
    const more = { output_format, frame_count: 4, frame_duration_ms: 50 } as object
    const film = await openai.images.generate({ prompt: 'a red circle', ...seeded, ...more })
    const bytes = bytesOf(film.data![0]!.b64_json)
    const { pages, delay } = await (await import('sharp')).default(bytes).metadata()
    expect(pages).toBeGreaterThan(1)
    expect(delay!.at(-1)).toBeGreaterThanOrEqual(400)
  }
})

const url64 = (): string => `data:image/png;base64,${Buffer.from(circle).toString('base64')}`
const asked = (text: string): OpenAI.Chat.ChatCompletionMessageParam[] => [
  {
    role: 'user',
    content: [
      { type: 'text', text },
      { type: 'image_url', image_url: { url: url64() } },
    ],
  },
]

test('one turn about a picture equals ask; streamed, the pieces are the answer', async () => {
  const question = 'What color is the circle?'
  const local = await model.ask({ prompt: question, images: [circle] }).result()
  const whole = await openai.chat.completions.create({ model: 'gpt-5', messages: asked(question) })
  expect(whole.choices[0]).toMatchObject({ message: { role: 'assistant', content: local.text }, finish_reason: local.finishReason })
  expect(whole.usage).toMatchObject({ prompt_tokens: local.usage.inputTokens })
  const stream = await openai.chat.completions.create({
    model: 'gpt-5',
    messages: asked(question),
    stream: true,
    stream_options: { include_usage: true },
  })
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(local.text)
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage })
  expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe(local.finishReason)
  const short = await openai.chat.completions.create({ model: 'x', messages: asked(question), stop: local.text.slice(1, 3) })
  expect(short.choices[0]!.message.content).toBe(local.text.slice(0, 1))
})

test('several turns, as chat', async () => {
  const messages = [
    { role: 'system', content: 'Answer.' },
    { role: 'user', content: 'There is a red circle.' },
    { role: 'assistant', content: 'Yes.' },
    { role: 'user', content: 'What color is the circle?' },
  ] as const
  const local = await model.chat({ messages }).result()
  const told = await openai.chat.completions.create({ model: 'x', messages: [...messages], max_completion_tokens: 4096 })
  expect(told.choices[0]!.message.content).toBe(local.text)
})

test('responses: text as it settles, and a picture by the tool', async () => {
  const question = 'What color is the circle?'
  const local = await model.ask({ prompt: question, images: [circle] }).result()
  const input = [
    {
      role: 'user' as const,
      content: [
        { type: 'input_text' as const, text: question },
        { type: 'input_image' as const, image_url: url64(), detail: 'auto' as const },
      ],
    },
  ]
  const told = await openai.responses.create({ model: 'x', input })
  expect(told).toMatchObject({ status: local.finishReason === 'stop' ? 'completed' : 'incomplete', output_text: local.text })
  const events = []
  for await (const event of await openai.responses.create({ model: 'x', input, stream: true })) events.push(event)
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i))
  expect(events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : [])).join('')).toBe(local.text)

  const drawn = await openai.responses.create({
    model: 'x',
    input: 'a red circle',
    tools: [{ type: 'image_generation' }],
    ...(seeded as object),
  })
  const item = drawn.output[0]!
  expect(item).toMatchObject({ type: 'image_generation_call', status: 'completed' })
  const result = item.type === 'image_generation_call' ? item.result! : ''
  expect(await pixelsOf(result)).toBe(await pixelsOf(Buffer.from(circle).toString('base64')))
  const kinds: string[] = []
  const streamed = await openai.responses.create({
    model: 'x',
    stream: true,
    tools: [{ type: 'image_generation', partial_images: 1 }],
    input: [
      { role: 'user', content: 'Draw.' },
      item as OpenAI.Responses.ResponseInputItem,
      { role: 'user', content: 'Change the red circle to blue.' },
    ],
    ...(seeded as object),
  })
  for await (const event of streamed) kinds.push(event.type)
  const call = 'response.image_generation_call'
  expect(kinds.filter((kind) => kind !== `${call}.partial_image`)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    `${call}.in_progress`,
    `${call}.generating`,
    `${call}.completed`,
    'response.output_item.done',
    'response.completed',
  ])
  expect(kinds).toContain(`${call}.partial_image`)
})

test('models are listed; errors are the classes that the client knows', async () => {
  expect((await openai.models.list()).data).toMatchObject([{ id: 'miniature', owned_by: 'lumina-dimoo' }])
  expect((await openai.models.retrieve('miniature')).id).toBe('miniature')
  expect((await openai.models.retrieve('gpt-image-1')).id).toBe('gpt-image-1') // it answers under that name
  const wrong = await openai.images.generate({ prompt: 'x', ...({ stepz: 3 } as object) }).catch((error: unknown) => error)
  expect(wrong).toBeInstanceOf(BadRequestError)
  expect(wrong).toMatchObject({
    code: 'request/invalid',
    param: 'stepz',
    message: "400 images/generations: unknown field 'stepz' (did you mean 'steps'?)",
  })
  const remote = await openai.chat.completions
    .create({ model: 'x', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://127.0.0.1/x.png' } }] }] })
    .catch((error: unknown) => error)
  expect((remote as APIError).message).toMatch(/other URLs are not fetched/)
  await expect(openai.responses.create({ model: 'x', input: 'x', previous_response_id: 'resp_1' })).rejects.toBeInstanceOf(BadRequestError)
})

test('a wrong key is an AuthenticationError; a full queue is tried again as Retry-After says', async () => {
  const runner = new ScriptedRunner()
  runner.estimatedWaitMs = 1000
  const served = await serve(runner, { apiKeys: [{ name: 'a', key: 'right-right-right' }], maxQueue: 1, graceMs: 60_000 })
  const wrong = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'wrong', maxRetries: 0 })
  await expect(wrong.images.generate({ prompt: 'x' })).rejects.toBeInstanceOf(AuthenticationError)
  const right = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'right-right-right', maxRetries: 0 })
  const first = right.images.generate({ prompt: 'x' })
  while (runner.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  const full = await right.images.generate({ prompt: 'x' }).catch((error: unknown) => error)
  expect(full).toBeInstanceOf(RateLimitError)
  expect((full as APIError).headers!.get('retry-after')).toBe('1')
  const patient = right.images.generate({ prompt: 'x' }, { maxRetries: 3 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  runner.runs[0]!.finish()
  expect((await first).data).toHaveLength(1)
  while (runner.runs.length === 1) await new Promise((resolve) => setTimeout(resolve, 10))
  runner.runs[1]!.finish()
  expect((await patient).data).toHaveLength(1)
})

test('a run ends at once when its client goes', async () => {
  const runner = new ScriptedRunner()
  const served = await serve(runner)
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'x', maxRetries: 0 })
  for (const stream of [false, true]) {
    const controller = new AbortController()
    const count = runner.runs.length
    const asking = client.images.generate({ prompt: 'x', stream }, { signal: controller.signal }).catch(() => undefined)
    while (runner.runs.length === count) await new Promise((resolve) => setTimeout(resolve, 5))
    if (stream) await asking
    const { last } = runner
    const left = performance.now()
    controller.abort()
    while (last.state !== 'aborted') await new Promise((resolve) => setTimeout(resolve, 2))
    expect(performance.now() - left).toBeLessThan(1000)
  }
})

test('a picture in a conversation of several turns is seen, as chat with pictures', async () => {
  const [first] = asked('What color is the circle?')
  const messages = [
    first!,
    { role: 'assistant' as const, content: 'red' },
    { role: 'user' as const, content: 'What color is the background?' },
  ]
  const turns = [
    { role: 'user', content: 'What color is the circle?' },
    { role: 'assistant', content: 'red' },
    { role: 'user', content: 'What color is the background?' },
  ] as const
  const local = await model.chat({ messages: turns, images: [circle] }).result()
  const blind = await model.chat({ messages: turns }).result()
  expect(local.usage.inputTokens).toBe(blind.usage.inputTokens + 64 + 8 + 2)
  const told = await openai.chat.completions.create({ model: 'x', messages })
  expect(told.choices[0]!.message.content).toBe(local.text)
  expect(told.usage!.prompt_tokens).toBe(local.usage.inputTokens)
})

test('one turn of chat with a picture is ask, bit for bit', async () => {
  const prompt = 'What color is the circle?'
  const asking = await model.ask({ prompt, images: [circle], seed: 3, temperature: 0.5 }).result()
  const chatting = await model.chat({ messages: [{ role: 'user', content: prompt }], images: [circle], seed: 3, temperature: 0.5 }).result()
  expect([chatting.text, chatting.usage]).toEqual([asking.text, asking.usage])
})
