// Messages, word by word, as whoever asks over HTTP reads them: the limit and the field are the ones that it has to do with, and nothing is
// said of bigints, paths or undefined, which only a program that calls the library has.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createServer } from '../../lib/server/app.js'
import type { App } from '../../lib/server/instance.js'
import { ScriptedRunner } from './scripted.js'

const runner = new ScriptedRunner()
let app: App
let url: string

beforeAll(async () => {
  app = createServer(runner, { a1111: true })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => app.close())

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGP4jwMwDC0JAJGhv0HwXzFYAAAAAElFTkSuQmCC', 'base64')
const URL_OF_PNG = `data:image/png;base64,${PNG.toString('base64')}`
const NO_BASE64 = 'data:image/png;base64,@@@'
/** A file whose header promises 9000 x 9000 pixels. */
const HUGE = Buffer.from(PNG)
HUGE.writeUInt32BE(9000, 16)
HUGE.writeUInt32BE(9000, 20)
const URL_OF_HUGE = `data:image/png;base64,${HUGE.toString('base64')}`

const GENERATIONS = '/v1/images/generations'
const EDITS = '/v1/images/edits'
const CHAT = '/v1/chat/completions'
const RUNS = '/v1/runs'
const said = (more: object): object => ({ messages: [{ role: 'user', content: 'x' }], ...more })
const drawn = (request: object): object => ({ task: 'generate', request: { prompt: 'x', ...request } })
const tool = (more: object): object => ({ input: 'x', tools: [{ type: 'image_generation', ...more }] })
const edited = (request: object): object => ({ task: 'edit', request: { prompt: 'x', ...request } })

const SEEDS = 'an integer from 0 to 2^53 - 1, or its digits as text up to 2^64 - 1'
const PICTURES = 'a picture (a data: URL, an upload, pixels, or a result)'

type Row = readonly [path: string, body: unknown, message: string, param: string | null]
const ROWS: readonly Row[] = [
  [GENERATIONS, { prompt: 'x', n: 65 }, 'images/generations: n must be at most 16 here, got 65', 'n'],
  [GENERATIONS, { prompt: 'x', n: '2' }, "images/generations: n must be an integer from 1 to 16, got '2'", 'n'],
  [
    GENERATIONS,
    { prompt: 'x', num_inference_steps: 5000 },
    'images/generations: num_inference_steps must be at most 1024 here, got 5000',
    'num_inference_steps',
  ],
  [GENERATIONS, { prompt: 'x', steps: 0 }, 'images/generations: steps must be an integer from 1 to 1024, got 0', 'steps'],
  [
    GENERATIONS,
    { prompt: 'x'.repeat(300_000) },
    'images/generations: prompt must be of at most 32768 bytes of UTF-8 here, got 300000',
    'prompt',
  ],
  [GENERATIONS, { prompt: null }, 'generate: prompt must be a string, got nothing', 'prompt'],
  [GENERATIONS, { prompt: 'x', seed: -1 }, `images/generations: seed must be ${SEEDS}, got -1`, 'seed'],
  [
    GENERATIONS,
    { prompt: 'x', schedule: 5 },
    "images/generations: schedule must be 'cosine', 'linear' or shares from 0 to 1, one a step, got 5",
    'schedule',
  ],
  [EDITS, { prompt: 'x', image: URL_OF_HUGE }, 'edit: image must be of at most 32000000 pixels here, got 9000 x 9000', 'image'],
  [EDITS, { prompt: 'x', image: NO_BASE64 }, 'image: expected bytes as base64, got other text', 'image'],
  [EDITS, { prompt: 'x', image: URL_OF_PNG, mask: NO_BASE64 }, 'mask: expected bytes as base64, got other text', 'mask'],
  [EDITS, { prompt: 'x', image: URL_OF_PNG, mask: {} }, 'mask: expected a data: URL or an upload, got an object {}', 'mask'],
  [EDITS, { prompt: 'x', image: URL_OF_PNG, task: 'style' }, 'images: style needs 2 pictures as image, got 1', 'image'],
  [CHAT, said({ max_tokens: 0 }), 'chat/completions: max_tokens must be an integer of at least 1, got 0', 'max_tokens'],
  [CHAT, said({ length: 100_000 }), 'chat/completions: length must be at most 4096 here, got 100000', 'length'],
  ['/v1/responses', tool({ siz: '64x64' }), "tools: unknown field 'siz' (did you mean 'size'?)", 'tools'],
  [
    '/v1/responses',
    tool({ input_image_mask: URL_OF_PNG }),
    'tools: input_image_mask needs a picture in the last message, got none',
    'tools',
  ],
  [RUNS, drawn({ n: 65 }), 'generate: n must be at most 16 here, got 65', 'n'],
  [RUNS, drawn({ steps: null }), 'generate: steps must be an integer from 1 to 1024, got null', 'steps'],
  [RUNS, { task: 'generate', request: {} }, 'generate: prompt must be a string, got nothing', 'prompt'],
  [RUNS, { ...drawn({}), kind: 'step' }, "run: kind must be request or snapshot, got 'step'", 'kind'],
  [RUNS, { snapshot: '%%%' }, 'snapshot: expected bytes as base64, got other text', 'snapshot'],
  [RUNS, edited({}), `edit: image must be ${PICTURES}, got nothing`, 'image'],
  [RUNS, edited({ image: NO_BASE64 }), 'image: expected bytes as base64, got other text', 'image'],
  [RUNS, edited({ image: { data: 'AAAA', width: 1, height: 1 } }), 'picture image: channels must be 3 or 4, got nothing', 'image'],
  [RUNS, edited({ image: URL_OF_HUGE }), 'edit: image must be of at most 32000000 pixels here, got 9000 x 9000', 'image'],
  ['/sdapi/v1/txt2img', { prompt: 'x', steps: 5000 }, 'txt2img: steps must be at most 1024 here, got 5000', 'steps'],
  ['/sdapi/v1/img2img', { prompt: 'x', init_images: ['%%'] }, 'init_images: expected bytes as base64, got other text', 'init_images'],
]

async function told(response: Response): Promise<readonly [message: string, param: string | null]> {
  const { error } = (await response.json()) as { error: { message: string; param: string | null } }
  return [error.message, error.param]
}

test.each(ROWS)('%s %j', async (path, body, message, param) => {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })
  expect(response.status).toBe(path === RUNS ? 422 : 400)
  expect(await told(response)).toEqual([message, param])
  expect(runner.runs).toHaveLength(0)
})

test.each([
  ['/v1/runs?limit=x', "query: limit must be an integer, got 'x'", 'limit'],
  ['/v1/runs?limit=0', "query: limit must be at least 1, got '0'", 'limit'],
  ['/v1/runs/r/images/99', "path: index must be at most 63, got '99'", 'index'],
  ['/v1/runs/r/images/0?format=gif', "query: format must be one of 'png', 'jpeg', 'webp', got 'gif'", 'format'],
  ['/v1/runs/r/events?steps=no', "query: steps must be one of 'true', 'false', got 'no'", 'steps'],
  [`/v1/runs/${'x'.repeat(200)}`, /^path: id must have at most 128 characters, got 'x+\.\.\.'?$/, 'id'],
])('%s', async (path, message, param) => {
  const [text, field] = await told(await fetch(`${url}${path}`))
  if (typeof message === 'string') expect(text).toBe(message)
  else expect(text).toMatch(message)
  expect(field).toBe(param)
})

test.each([
  [
    EDITS,
    [
      ['prompt', PNG],
      ['image', PNG],
    ],
    400,
    'images/edits: prompt must be text, got a file',
    'prompt',
  ],
  [
    RUNS,
    [
      ['task', 'edit'],
      ['prompt', PNG],
      ['image', PNG],
    ],
    422,
    'edit: prompt must be a string, got a file of 72 bytes',
    'prompt',
  ],
  [
    RUNS,
    [
      ['task', 'edit'],
      ['prompt', 'x'],
      ['image', PNG],
      ['stepz', '5'],
    ],
    422,
    "edit: unknown option 'stepz' (did you mean 'steps'?)",
    'stepz',
  ],
  [
    RUNS,
    [
      ['task', 'generate'],
      ['prompt', 'x'],
      ['options', '{"priority":5}'],
    ],
    422,
    'run: options must come field by field in a form, such as -F steps=8 -F priority=5',
    'options',
  ],
  [
    RUNS,
    [
      ['task', 'generate'],
      ['prompt', 'x'],
      ['version', '2'],
    ],
    422,
    'wire: expected version 1, got 2',
    null,
  ],
  [RUNS, [['snapshot', 'x']], 422, 'run: snapshot must be a file of the form, got text', 'snapshot'],
  [CHAT, [['messages', 'x']], 415, 'content-type: expected application/json here, got a form', null],
] as const)('a form to %s', async (path, parts, status, message, param) => {
  const form = new FormData()
  for (const [name, value] of parts) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, new Blob([new Uint8Array(value)]), 'a.png')
  }
  const response = await fetch(`${url}${path}`, { method: 'POST', body: form })
  expect([response.status, ...(await told(response))]).toEqual([status, message, param])
})

test('what somebody wrote is quoted as it was', async () => {
  const body = JSON.stringify({ prompt: 'x', quality: 'x, got undefined' })
  const response = await fetch(`${url}${GENERATIONS}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  expect((await told(response))[0]).toMatch(/got 'x, got undefined'$/)
})
