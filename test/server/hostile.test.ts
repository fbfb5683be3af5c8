// Requests that are wrong or meant to harm, each with the status and the words that it gets. None reaches the runner, and none is a 5xx.
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer } from '../../lib/server/app.js'
import type { App } from '../../lib/server/instance.js'
import { ScriptedRunner } from './scripted.js'

const runner = new ScriptedRunner()
let app: App
let url: string

beforeAll(async () => {
  app = createServer(runner, {
    a1111: true,
    maxSteps: 64,
    maxCells: 256,
    maxImages: 4,
    maxPromptBytes: 1000,
    maxPixels: 10_000,
    maxBodyBytes: 200_000,
    maxFileBytes: 100_000,
  })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => app.close())

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGP4jwMwDC0JAJGhv0HwXzFYAAAAAElFTkSuQmCC', 'base64')
/** A header that promises more than any memory holds. */
const BOMB = Buffer.concat([PNG.subarray(0, 16), Buffer.from([0, 0, 255, 255, 0, 0, 255, 255]), PNG.subarray(24)])
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>')
const data = (bytes: Uint8Array, type = 'image/png'): string => `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

const GENERATIONS = '/v1/images/generations'
const EDITS = '/v1/images/edits'
const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'
const RUNS = '/v1/runs'

type Row = readonly [name: string, path: string, body: unknown, status: number, message: RegExp]

const image = (value: unknown): unknown => ({ prompt: 'x', image: value })
const part = (value: unknown): unknown => ({ messages: [{ role: 'user', content: [value] }] })
const picture = (value: string): unknown => part({ type: 'image_url', image_url: { url: value } })
const run = (request: object, more: object = {}): unknown => ({ task: 'generate', request: { prompt: 'x', ...request }, ...more })

const JSON_ROWS: readonly Row[] = [
  // not what it must be
  ['no body', GENERATIONS, undefined, 400, /expected an object of fields/],
  ['null', GENERATIONS, null, 400, /expected an object of fields, got null/],
  ['an array', GENERATIONS, [], 400, /expected an object of fields/],
  ['text', GENERATIONS, 'x', 400, /expected an object of fields/],
  ['no prompt', GENERATIONS, {}, 400, /prompt must be a string, got nothing/],
  ['a prompt of another kind', GENERATIONS, { prompt: { $ne: null } }, 400, /prompt must be a string, got/],
  ['a prompt that is a list', GENERATIONS, { prompt: ['x'] }, 400, /prompt must be a string/],
  ['a field nobody knows', GENERATIONS, { prompt: 'x', negative_prompt: 'y' }, 400, /unknown field 'negative_prompt'/],
  ['a slip', GENERATIONS, { prompt: 'x', sized: '1x1' }, 400, /unknown field 'sized' \(did you mean 'size'\?\)/],
  ['a name of Object', GENERATIONS, { prompt: 'x', constructor: 1 }, 400, /unknown field 'constructor'/],
  ['a name that is a line', GENERATIONS, { prompt: 'x', 'a\nb': 1 }, 400, /unknown field 'a\\nb'/],
  ['a very long name', GENERATIONS, { prompt: 'x', ['y'.repeat(5000)]: 1 }, 400, /unknown field 'y{50,60}/],
  ['two names of one field', GENERATIONS, { prompt: 'x', steps: 1, num_inference_steps: 2 }, 400, /steps must be given once/],
  // too much
  ['n', GENERATIONS, { prompt: 'x', n: 5 }, 400, /n must be at most 4 here, got 5/],
  ['n of a billion', GENERATIONS, { prompt: 'x', n: 1e9 }, 400, /n must be at most 4 here, got 1000000000/],
  ['n below one', GENERATIONS, { prompt: 'x', n: 0 }, 400, /n must be/],
  ['n and a half', GENERATIONS, { prompt: 'x', n: 1.5 }, 400, /n must be/],
  ['n as text', GENERATIONS, { prompt: 'x', n: '2' }, 400, /n must be/],
  ['best of', GENERATIONS, { prompt: 'x', bestOf: 64 }, 400, /bestOf must be at most 4 here, got 64/],
  ['steps', GENERATIONS, { prompt: 'x', steps: 65 }, 400, /steps must be at most 64 here, got 65/],
  ['steps below one', GENERATIONS, { prompt: 'x', steps: -1 }, 400, /steps must be/],
  ['a long prompt', GENERATIONS, { prompt: 'é'.repeat(501) }, 400, /prompt must be of at most 1000 bytes of UTF-8 here, got 1002/],
  ['cells', GENERATIONS, { prompt: 'x', width: 8, height: 8 * 257 }, 400, /size must be of at most 256 cells/],
  ['a side without end', GENERATIONS, { prompt: 'x', width: 1e300 }, 400, /width must be/],
  [
    'a film without end',
    GENERATIONS,
    { prompt: 'x', output_format: 'gif', frame_count: 64 },
    400,
    /frame_count of generate must keep a film within/,
  ],
  ['a temperature', GENERATIONS, { prompt: 'x', temperature: 1e9 }, 400, /temperature must be/],
  ['a seed', GENERATIONS, { prompt: 'x', seed: -1 }, 400, /seed must be/],
  ['a seed beyond 64 bits', GENERATIONS, { prompt: 'x', seed: '99999999999999999999' }, 400, /seed must be/],
  ['a schedule of text', GENERATIONS, { prompt: 'x', schedule: '() => 1' }, 400, /schedule must be/],
  ['a size that is none', GENERATIONS, { prompt: 'x', size: '-1x1' }, 400, /size must be 'auto' or WIDTHxHEIGHT/],
  ['a size of nothing', GENERATIONS, { prompt: 'x', size: '0x0' }, 400, /size must be/],
  ['size and sides', GENERATIONS, { prompt: 'x', size: '64x64', width: 64 }, 400, /size must not be given with width/],
  ['a format', GENERATIONS, { prompt: 'x', output_format: 'svg' }, 400, /output_format must be one of/],
  ['a stream that is text', GENERATIONS, { prompt: 'x', stream: 'yes' }, 400, /stream must be true or false/],
  ['a key of a run', GENERATIONS, { prompt: 'x', id: 'mine' }, 400, /unknown field 'id'/],
  ['a tenant of others', GENERATIONS, { prompt: 'x', tag: 'boss' }, 400, /unknown field 'tag'/],
  ['another task', GENERATIONS, { prompt: 'x', task: 'edit' }, 400, /unknown field 'task'|takes a picture/],
  ['a picture where none belongs', GENERATIONS, image(data(PNG)), 400, /generate takes 0 pictures, got 1/],
  // pictures
  ['a path', EDITS, image('/etc/passwd'), 400, /expected a data: URL or an upload; other URLs are not fetched/],
  ['a file: URL', EDITS, image('file:///etc/passwd'), 400, /other URLs are not fetched/],
  ['a URL of the cloud', EDITS, image('http://169.254.169.254/latest/meta-data'), 400, /other URLs are not fetched/],
  ['a file by id', EDITS, image({ file_id: 'file-1' }), 400, /there are no files by id/],
  ['an object as picture', EDITS, image({ image_url: { url: 5 } }), 400, /expected a data: URL or an upload, got 5/],
  ['no base64', EDITS, image('data:image/png;base64,%%%'), 400, /expected bytes as base64|data: URL of base64/],
  ['text as picture', EDITS, image(data(Buffer.from('hello'))), 400, /cannot be read as PNG/],
  ['half a picture', EDITS, image(data(PNG.subarray(0, 20))), 400, /cannot be read as PNG/],
  ['SVG', EDITS, image(data(SVG, 'image/svg+xml')), 400, /expected PNG, JPEG.* got svg/],
  ['a bomb', EDITS, image(data(BOMB)), 400, /pixels|cannot be read/],
  ['no picture', EDITS, { prompt: 'x' }, 400, /edit needs a picture as image, got none/],
  ['too many pictures', EDITS, { prompt: 'x', image: Array.from({ length: 5 }, () => data(PNG)) }, 400, /at most 4 pictures here, got 5/],
  ['more than the task takes', EDITS, { prompt: 'x', image: [data(PNG), data(PNG)] }, 400, /edit takes 1 picture, got 2/],
  ['a mask for a task without', EDITS, { ...(image(data(PNG)) as object), mask: data(PNG), task: 'edit' }, 400, /edit takes no mask/],
  ['a task without a name', EDITS, { ...(image(data(PNG)) as object), task: 'rm -rf' }, 400, /task must be one of/],
  ['a task of text', EDITS, { ...(image(data(PNG)) as object), task: 'ask' }, 400, /task must be one of/],
  // conversations
  ['no messages', CHAT, {}, 400, /messages: expected 1 to 4096 messages/],
  ['an empty conversation', CHAT, { messages: [] }, 400, /expected 1 to 4096 messages, got 0/],
  ['messages as text', CHAT, { messages: 'hi' }, 400, /expected 1 to 4096 messages/],
  ['a role', CHAT, { messages: [{ role: 'root', content: 'x' }] }, 400, /messages\[0\]\.role: expected one of/],
  ['a role of Object', CHAT, { messages: [{ role: 'toString', content: 'x' }] }, 400, /messages\[0\]\.role/],
  ['a tool speaks', CHAT, { messages: [{ role: 'tool', content: 'x' }] }, 400, /messages\[0\]\.role: the model calls no tools/],
  [
    'a conversation that ends with the model',
    CHAT,
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
    },
    400,
    /must end with a user's/,
  ],
  ['content of another kind', CHAT, { messages: [{ role: 'user', content: 5 }] }, 400, /messages\[0\]\.content: expected text or parts/],
  ['a part of another kind', CHAT, part('x'), 400, /messages\[0\]\.content\[0\]: expected a part/],
  ['sound', CHAT, part({ type: 'input_audio', input_audio: {} }), 400, /content\[0\]\.type: expected text or a picture/],
  ['a remote picture', CHAT, picture('https://example.com/x.png'), 400, /other URLs are not fetched/],
  ['a local picture', CHAT, picture('file:///etc/passwd'), 400, /other URLs are not fetched/],
  ['a conversation that is too long', CHAT, { messages: [{ role: 'user', content: 'x'.repeat(1001) }] }, 400, /at most 1000 bytes/],
  ['two answers', CHAT, { messages: [{ role: 'user', content: 'x' }], n: 2 }, 400, /n must be 1, got 2/],
  [
    'a schema for the answer',
    CHAT,
    { messages: [{ role: 'user', content: 'x' }], response_format: { type: 'json_schema' } },
    400,
    /response_format must be text/,
  ],
  [
    'a tool that must be called',
    CHAT,
    { messages: [{ role: 'user', content: 'x' }], tool_choice: 'required' },
    400,
    /tool_choice must be auto or none/,
  ],
  ['no tokens', CHAT, { messages: [{ role: 'user', content: 'x' }], max_tokens: 0 }, 400, /max_tokens must be an integer of at least 1/],
  ['stops without end', CHAT, { messages: [{ role: 'user', content: 'x' }], stop: Array(17).fill('x') }, 400, /stop must be/],
  ['a length without end', CHAT, { messages: [{ role: 'user', content: 'x' }], length: 512 }, 400, /length must be at most 256 here/],
  ['no input', RESPONSES, {}, 400, /input: expected text or 1 to 4096 items/],
  ['an item', RESPONSES, { input: [{ type: 'computer_call' }] }, 400, /input\[0\]\.type: expected message or image_generation_call/],
  ['a response before', RESPONSES, { input: 'x', previous_response_id: 'resp_1' }, 400, /nothing is kept here/],
  ['a tool that is none', RESPONSES, { input: 'x', tools: ['image_generation'] }, 400, /expected up to 128 tools/],
  [
    'a field of the tool',
    RESPONSES,
    { input: 'x', tools: [{ type: 'image_generation', shell: 'sh' }] },
    400,
    /tools: unknown field 'shell'/,
  ],
  // runs of our own
  ['no run', RUNS, {}, 422, /task must be one of/],
  ['a task', RUNS, { task: '__proto__', request: {} }, 422, /task must be one of/],
  ['no request', RUNS, { task: 'generate' }, 422, /expected an object of options, got nothing/],
  ['a field', RUNS, run({ stepz: 1 }), 422, /unknown option 'stepz' \(did you mean 'steps'\?\)/],
  ['a field beside', RUNS, run({}, { model_path: '/etc/passwd' }), 422, /unknown option 'model_path'/],
  ['an id that is no name in a path', RUNS, run({}, { options: { id: '..' } }), 422, /id must be .*, not '\.' or '\.\.' alone, got '\.\.'/],
  ['an id that steers', RUNS, run({}, { options: { id: 'a\r\nset-cookie: x' } }), 422, /id must be 1 to 128 letters/],
  ['a deadline of the past', RUNS, run({}, { options: { deadlineMs: -1 } }), 422, /deadlineMs must be/],
  ['a path as picture', RUNS, { task: 'edit', request: { prompt: 'x', image: '/etc/passwd' } }, 422, /image must/],
  [
    'pixels that are not there',
    RUNS,
    { task: 'edit', request: { prompt: 'x', image: { data: 'AAAA', width: 9, height: 9, channels: 3 } } },
    422,
    /9 x 9|bytes/,
  ],
  ['a snapshot of noise', RUNS, { snapshot: Buffer.from('noise').toString('base64') }, 422, /snapshot/],
  ['a snapshot and a request', RUNS, run({}, { snapshot: 'AAAA' }), 422, /expected a request or a snapshot, got both/],
  ['another version', RUNS, run({}, { version: 99 }), 422, /expected version 1, got 99/],
  // AUTOMATIC1111's
  ['A1111: two pictures', '/sdapi/v1/img2img', { prompt: 'x', init_images: ['a', 'b'] }, 400, /init_images must be one picture/],
  ['A1111: a path', '/sdapi/v1/img2img', { prompt: 'x', init_images: ['/etc/passwd'] }, 400, /base64/],
  ['A1111: a seed', '/sdapi/v1/txt2img', { prompt: 'x', seed: -2 }, 400, /seed must be -1 or a whole number/],
]

/** The body as it is. */
const TEXT_ROWS: readonly (readonly [name: string, type: string, body: string, status: number, message: RegExp])[] = [
  ['half of JSON', 'application/json', '{"prompt": ', 400, /expected JSON/],
  ['JSON with a prototype', 'application/json', '{"prompt": "x", "__proto__": {"steps": 1}}', 400, /__proto__/],
  ['JSON that is deep', 'application/json', `{"prompt": ${deep(10_000)}}`, 400, /at most 16 levels/],
  ['a number that is too large', 'application/json', '{"prompt": "x", "steps": 1e400}', 400, /steps must be/],
  ['text', 'text/plain', 'prompt=x', 415, /expected application\/json/],
  ['a form of old', 'application/x-www-form-urlencoded', 'prompt=x', 415, /expected application\/json/],
  ['XML', 'application/xml', '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>', 415, /expected application\/json/],
  ['a form without a boundary', 'multipart/form-data', 'x', 400, /form/],
  [
    'a form that never ends',
    'multipart/form-data; boundary=b',
    '--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nx',
    400,
    /form/,
  ],
  [
    'a part without a name',
    'multipart/form-data; boundary=b',
    '--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n',
    400,
    /a part of the form has no name/,
  ],
  ['no form at all', 'multipart/form-data; boundary=b', 'hello', 400, /./],
  ['a body that is too large', 'application/json', `{"prompt": "${'x'.repeat(200_000)}"}`, 413, /at most 200000 bytes|larger/],
]

async function told(response: Response): Promise<{ message: string; type: string; param: unknown }> {
  const body = (await response.json()) as { error: { message: string; type: string; param: unknown } }
  expect(Object.keys(body)).toEqual(['error'])
  return body.error
}

test.each(JSON_ROWS)('%s: %s', async (_name, path, body, status, message) => {
  const begun = runner.runs.length
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await fetch(`${url}${path}`, { method: 'POST', ...init })
  const error = await told(response)
  expect([response.status, error.message]).toEqual([status, expect.stringMatching(message)])
  expect(error.type).toBe('invalid_request_error')
  expect(error.message).not.toMatch(/\n|root:|node_modules/)
  expect(runner.runs.length).toBe(begun)
})

test.each(TEXT_ROWS)('%s', async (_name, type, body, status, message) => {
  const begun = runner.runs.length
  const response = await fetch(`${url}${GENERATIONS}`, { method: 'POST', body, headers: { 'content-type': type } })
  expect([response.status, (await told(response)).message]).toEqual([status, expect.stringMatching(message)])
  expect(runner.runs.length).toBe(begun)
})

const form = (...fields: readonly (readonly [name: string, value: string | Uint8Array])[]): FormData => {
  const made = new FormData()
  for (const [name, value] of fields) {
    if (typeof value === 'string') made.append(name, value)
    else made.append(name, new Blob([new Uint8Array(value)], { type: 'image/png' }))
  }
  return made
}

test.each([
  ['a file that is too large', form(['image', new Uint8Array(150_000)]), 413, /limits/],
  ['too many files', form(...Array.from({ length: 8 }, () => ['image[]', PNG] as const)), 413, /limits/],
  ['too many texts', form(...Array.from({ length: 300 }, (_, i) => [`a${i}`, 'x'] as const)), 413, /limits/],
  ['a file of another name', form(['shell', PNG]), 400, /unknown field 'shell'/],
  ['a number that is none', form(['prompt', 'x'], ['n', 'many'], ['image', PNG]), 400, /n must be .* got 'many'/],
  ['two prompts', form(['prompt', 'x'], ['prompt', 'y'], ['image', PNG]), 400, /prompt must be/],
  ['two masks', form(['mask', PNG], ['mask', PNG]), 400, /mask must be one picture/],
  ['a file that is SVG', form(['prompt', 'x'], ['image', SVG]), 400, /got svg/],
] as const)('a form with %s', async (_name, body, status, message) => {
  const response = await fetch(`${url}${EDITS}`, { method: 'POST', body })
  expect([response.status, (await told(response)).message]).toEqual([status, expect.stringMatching(message)])
})

/** What the server says to bytes that no client of HTTP sends. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.end(text)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['another version', 'GET / HTTP/9.9\r\n\r\n', 400],
  ['two lengths', `POST ${RUNS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}`, 400],
  [
    'a length and chunks',
    `POST ${RUNS} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['a header that never ends', `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
  ['a path that is none', 'GET /v1/runs/%zz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', 400],
  ['a path upwards', 'GET /../../etc/passwd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', 404],
  ['a very long path', `GET /v1/runs/${'a'.repeat(5000)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, 400],
  ['a host of others', 'GET /v1/info HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n', 403],
  ['another method', 'BREW / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', 400],
  [
    'a page of others',
    `POST ${RUNS} HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\ncontent-length: 2\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}`,
    403,
  ],
  ['an event that is none', 'GET /v1/runs/x/events HTTP/1.1\r\nhost: localhost\r\nlast-event-id: x\r\nconnection: close\r\n\r\n', 404],
  [
    'a name for the request that steers',
    `GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-request-id: a"b<c>\r\nconnection: close\r\n\r\n`,
    200,
  ],
] as const)('raw: %s', async (_name, text, status) => {
  const answer = await raw(text)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(answer).not.toMatch(/root:|a"b/)
  if (status >= 400)
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ error: { message: expect.any(String) as string } })
})

test('there are at least 80 of them, and the server still draws', async () => {
  expect(JSON_ROWS.length + TEXT_ROWS.length).toBeGreaterThanOrEqual(80)
  const asking = fetch(`${url}${GENERATIONS}`, { method: 'POST', body: '{"prompt": "x"}', headers: { 'content-type': 'application/json' } })
  while (runner.runs.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  runner.last.finish()
  expect((await asking).status).toBe(200)
})
