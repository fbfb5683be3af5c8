// Chats and responses of OpenAI's routes: as many pictures as were asked for, limits of an answer, fields of a wrong type, errors in streams.
import type OpenAI from 'openai'
import { expect, onTestFinished, test } from 'vitest'
import { loadModel } from '../../lib/index.js'
import { readImage } from '../../lib/image/read.js'
import { ScriptedRunner } from './scripted.js'
import { eventsOf, eventually, serve, type Served } from './world.js'

const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'
const said = (more: object): object => ({ messages: [{ role: 'user', content: 'What color is the circle?' }], ...more })
const DRAWING = { input: 'a red circle', tools: [{ type: 'image_generation', partial_images: 2 }], n: 2, seed: 7, steps: 12 }

async function miniature(): Promise<{ ask: Served['ask']; model: Awaited<ReturnType<typeof loadModel>> }> {
  const model = await loadModel()
  onTestFinished(() => model.close())
  return { ...(await serve(model)), model }
}

type Item = OpenAI.Responses.ResponseOutputItem.ImageGenerationCall & { readonly seed: string }
const pixelsOf = async ({ result }: Item): Promise<Buffer> => Buffer.from((await readImage(Buffer.from(result!, 'base64'))).data)

test('a response holds every picture that was drawn, each an item; usage is that of them all', async () => {
  const { ask, model } = await miniature()
  const local = await model.generate({ prompt: 'a red circle', n: 2, seed: 7, steps: 12 }).result()
  const response = (await (await ask(RESPONSES, { json: DRAWING })).json()) as OpenAI.Responses.Response
  const items = response.output as unknown as Item[]
  expect(items.map(({ type, status, seed }) => [type, status, seed])).toEqual(
    local.images.map(({ seed }) => ['image_generation_call', 'completed', seed]),
  )
  expect(new Set(items.map(({ id }) => id)).size).toBe(2)
  for (const [i, { image }] of local.images.entries()) expect((await pixelsOf(items[i]!)).equals(Buffer.from(image.data))).toBe(true)
  const { inputTokens, outputTokens } = local.usage
  expect(response.usage).toMatchObject({ input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens })
  expect(outputTokens).toBe(2 * 64)
})

test('events say which of the pictures they are about', async () => {
  const { ask } = await miniature()
  const events = (await eventsOf(await ask(RESPONSES, { json: { ...DRAWING, stream: true } }))).map(
    ({ data }) => JSON.parse(data) as OpenAI.Responses.ResponseStreamEvent,
  )
  const last = events.at(-1)!
  const output = (last.type === 'response.completed' ? last.response.output : []) as unknown as Item[]
  expect(output).toHaveLength(2)
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i))
  for (const [index, item] of output.entries()) {
    const own = events.filter((event) => 'output_index' in event && event.output_index === index)
    const ids = own.map((event) => ('item_id' in event ? event.item_id : 'item' in event ? event.item.id : undefined))
    expect(new Set(ids)).toEqual(new Set([item.id]))
    const call = 'response.image_generation_call'
    expect(own.map(({ type }) => type)).toEqual([
      'response.output_item.added',
      `${call}.in_progress`,
      `${call}.generating`,
      `${call}.partial_image`,
      `${call}.partial_image`,
      `${call}.completed`,
      'response.output_item.done',
    ])
    expect(own.flatMap((event) => ('partial_image_index' in event ? [event.partial_image_index] : []))).toEqual([0, 1])
    expect(own.at(-1)).toMatchObject({ item })
  }
})

/** The request that comes of a body, as the runner gets it. */
async function asked(path: string, json: object): Promise<{ request: unknown; warning: string | null }> {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const answer = ask(path, { json })
  await Promise.race([answer, eventually(() => runner.runs.length === 1)])
  runner.runs.at(-1)?.finish()
  return { request: runner.runs.at(-1)?.request, warning: (await answer).headers.get('warning') }
}

test.each([
  [CHAT, said({ length: 512, max_tokens: 100 }), { length: 100 }],
  [CHAT, said({ length: 100, max_tokens: 512 }), { length: 100 }],
  [CHAT, said({ length: 1024, max_tokens: 800 }), { length: 768 }],
  [CHAT, said({ length: 64, block: 16, max_tokens: 40 }), { length: 32, block: 16 }],
  [CHAT, said({ block: 16, max_tokens: 10 }), { length: 10, block: 10 }],
  [CHAT, said({ block: 16, max_tokens: 40 }), { length: 32, block: 16 }],
  [CHAT, said({ max_completion_tokens: 200, max_tokens: 20 }), { length: 20 }],
  [RESPONSES, { input: 'x', length: 512, max_output_tokens: 30 }, { length: 30 }],
  [RESPONSES, { input: 'x', max_output_tokens: 5000 }, { length: 1024 }],
])('%s %j: every limit holds', async (path, json, expected) => {
  const { messages: _, seed: __, ...request } = (await asked(path, json)).request as Record<string, unknown>
  expect(request).toEqual(expected)
})

test('an answer that is cut by max_tokens says so', async () => {
  const { ask, model } = await miniature()
  const { text, finishReason } = await model
    .chat({ messages: [{ role: 'user', content: 'What color is the circle?' }], length: 1 })
    .result()
  const cut = (await (await ask(CHAT, { json: said({ length: 16, max_tokens: 1 }) })).json()) as OpenAI.ChatCompletion
  expect([cut.choices[0]!.message.content, cut.choices[0]!.finish_reason]).toEqual([text, finishReason])
  expect([finishReason, cut.usage!.completion_tokens]).toEqual(['length', 1])
})

const input = (more: object): object => ({ input: 'x', ...more })
const tool = (more: object): object => ({ input: 'x', tools: [{ type: 'image_generation', ...more }] })
const FILMS = 'films of the decoding are drawn at images/generations and images/edits'
test.each([
  [CHAT, said({ response_format: 'json' }), "chat/completions: response_format must be an object, got 'json'", 'response_format'],
  [CHAT, said({ stream_options: 'x' }), "chat/completions: stream_options must be an object, got 'x'", 'stream_options'],
  [
    CHAT,
    said({ stream_options: { include_usage: 'yes' } }),
    "chat/completions: stream_options.include_usage must be true or false, got 'yes'",
    'stream_options.include_usage',
  ],
  [CHAT, said({ model: 5 }), 'chat/completions: model must be a string, got 5', 'model'],
  [CHAT, said({ stream: 1 }), 'chat/completions: stream must be true or false, got 1', 'stream'],
  [CHAT, said({ metadata: [] }), 'chat/completions: metadata must be an object, got an array []', 'metadata'],
  [CHAT, said({ top_p: '1' }), "chat/completions: top_p must be a number, got '1'", 'top_p'],
  [CHAT, said({ top_k: 0.5 }), 'chat/completions: top_k must be an integer, got 0.5', 'top_k'],
  [CHAT, said({ tools: {} }), 'chat/completions: tools must be an array, got an object {}', 'tools'],
  [CHAT, said({ tool_choice: 5 }), 'chat/completions: tool_choice must be a string or an object, got 5', 'tool_choice'],
  [
    CHAT,
    said({ function_call: { name: 'f' } }),
    "chat/completions: function_call must be auto or none: the model calls no tools, got an object {name: 'f'}",
    'function_call',
  ],
  [CHAT, said({ length: 8, max_tokens: 'x' }), "chat/completions: max_tokens must be an integer of at least 1, got 'x'", 'max_tokens'],
  [
    CHAT,
    said({ max_completion_tokens: 8, max_tokens: 0 }),
    'chat/completions: max_tokens must be an integer of at least 1, got 0',
    'max_tokens',
  ],
  [RESPONSES, input({ text: 'y' }), "responses: text must be an object, got 'y'", 'text'],
  [RESPONSES, input({ text: { format: 'y' } }), "responses: text.format must be an object, got 'y'", 'text.format'],
  [RESPONSES, input({ tool_choice: 5 }), 'responses: tool_choice must be a string or an object, got 5', 'tool_choice'],
  [RESPONSES, input({ metadata: 5 }), 'responses: metadata must be an object, got 5', 'metadata'],
  [RESPONSES, input({ reasoning: 'low' }), "responses: reasoning must be an object, got 'low'", 'reasoning'],
  [
    RESPONSES,
    input({ tool_choice: { type: 'image_generation' } }),
    "responses: tool_choice must be auto or none where tools lacks image_generation, the one that there is, got an object {type: 'image_generation'}",
    'tool_choice',
  ],
  [
    RESPONSES,
    input({ tool_choice: 'required' }),
    "responses: tool_choice must be auto or none where tools lacks image_generation, the one that there is, got 'required'",
    'tool_choice',
  ],
  [
    RESPONSES,
    { ...tool({}), tool_choice: { type: 'function', name: 'f' } },
    "responses: tool_choice must be auto, none, required or the tool image_generation, got 'function'",
    'tool_choice',
  ],
  [RESPONSES, { ...tool({}), max_output_tokens: 'x' }, /max_output_tokens must be an integer of at least 1, got 'x'/, 'max_output_tokens'],
  [RESPONSES, tool({ output_format: 'gif' }), `tools: output_format must be png, jpeg or webp here (${FILMS}), got 'gif'`, 'output_format'],
  [RESPONSES, tool({ frame_count: 4 }), `tools: frame_count is not of image_generation: ${FILMS}`, 'tools'],
])('%s %j is 400', async (path, json, message, param) => {
  const { ask } = await serve(new ScriptedRunner())
  const refused = await ask(path, { json, signal: AbortSignal.timeout(2000) })
  const { error } = (await refused.json()) as { error: { message: string; param: string } }
  expect([refused.status, error.message, error.param]).toEqual([
    400,
    typeof message === 'string' ? message : expect.stringMatching(message),
    param,
  ])
})

test('null is no value, and tools that are allowed may be used', async () => {
  const nothing = { metadata: null, text: null, tools: null, tool_choice: null, stream_options: null, max_output_tokens: null }
  const { request, warning } = await asked(RESPONSES, { input: 'x', ...nothing })
  expect(request).toEqual({ messages: [{ role: 'user', content: 'x' }], seed: expect.any(String) as string })
  expect(warning).toBeNull()
  const allowed = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'image_generation' }] }
  expect((await asked(RESPONSES, { ...tool({}), tool_choice: allowed })).request).toMatchObject({ prompt: 'x' })
})

test('fields that only the other kind of answer has a use for are told', async () => {
  const drawn = await asked(RESPONSES, { ...tool({}), steps: 4, stop: 'x', max_output_tokens: 8, length: 16 })
  expect(drawn.warning).toBe('299 - "ignored: length, stop, max_output_tokens"')
  expect((await asked(RESPONSES, input({ steps: 4, n: 2, width: 64 }))).warning).toBe('299 - "ignored: width, n"')
})

test('an error in a stream of a response is numbered like every event', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  for (const json of [input({ stream: true }), { ...tool({}), stream: true }]) {
    const count = runner.runs.length
    const answer = ask(RESPONSES, { json })
    await eventually(() => runner.runs.length > count)
    runner.last.fail(new Error('enough'))
    const events = (await eventsOf(await answer)).map(({ data }) => JSON.parse(data) as { type: string; sequence_number: number })
    expect(events.at(-1)).toMatchObject({ type: 'error', message: expect.any(String) as string, code: expect.any(String) as string })
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i))
  }
})
