// Fields of forms whose values are more than a text, in the ways that clients write them: OpenAI's own (`extend[left]`, `schedule[]`), and
// JSON as text.
import OpenAI, { toFile } from 'openai'
import sharp from 'sharp'
import { expect, onTestFinished, test } from 'vitest'
import { loadModel } from '../../lib/index.js'
import { ScriptedRunner } from './scripted.js'
import { serve } from './world.js'

const PNG = new Uint8Array(
  await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
    .png()
    .toBuffer(),
)
const few = { steps: 2, seed: 1 }

test("OpenAI's client sends what has parts: extend, schedule, cache, and nulls as words", async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { url } = await serve(model)
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const image = await toFile(PNG, 'a.png', { type: 'image/png' })
  const draw = async (more: object): Promise<OpenAI.Images.ImagesResponse> => openai.images.edit({ image, prompt: 'x', ...few, ...more })
  const wide = (await draw({ task: 'outpaint', extend: { left: 16, right: 8 }, imageArea: 'native' })) as unknown as { size: string }
  const { width, height } = (await model.outpaint({ prompt: 'x', image: PNG, extend: { left: 16, right: 8 }, ...few }).result()).image
  expect(wide.size).toBe(`${width}x${height}`)
  for (const more of [
    { schedule: [0.5, 0] },
    { cache: { ratio: 0.9, warmup: 0.3, refresh: 5 } },
    { guidance: { text: 2, image: 1 } },
    { quality: 'null', seed: 'null', output_format: 'null' },
  ])
    expect((await draw(more as object)).data).toHaveLength(1)
})

test('our own form reads the same; a part is checked as the field that it is', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const send = async (fields: Readonly<Record<string, string | readonly string[]>>): Promise<Response> => {
    const form = new FormData()
    form.set('task', 'outpaint')
    form.set('image', new Blob([PNG], { type: 'image/png' }), 'a.png')
    for (const [name, values] of Object.entries({ prompt: 'x', ...fields })) for (const value of [values].flat()) form.append(name, value)
    return ask('/v1/runs', { method: 'POST', body: form })
  }
  const answer = async (fields: Parameters<typeof send>[0]): Promise<unknown> => {
    const response = await send(fields)
    return response.ok ? response.status : ((await response.json()) as { error: { message: string } }).error.message
  }
  expect(await answer({ 'extend[left]': '16', 'extend[top]': '8', steps: '2', 'schedule[]': ['0.5', '0'] })).toBe(202)
  expect(runner.last.request).toMatchObject({ extend: { left: 16, top: 8 }, schedule: [0.5, 0], steps: 2 })
  expect(await answer({ extend: '{"left": 16}', 'schedule[0]': '0.5', 'schedule[1]': '0', steps: '2' })).toBe(202)
  expect(runner.last.request).toMatchObject({ extend: { left: 16 }, schedule: [0.5, 0] })
  expect(await answer({ 'extend[left]': 'wide' })).toMatch(/^outpaint: extend: left must be an integer .*, got 'wide'$/)
  expect(await answer({ 'extend[lefft]': '16' })).toMatch(/extend.*unknown option 'lefft' \(did you mean 'left'\?\)/)
  expect(await answer({ 'extend[__proto__]': '16' })).toMatch(/extend.*'__proto__'/)
  expect(await answer({ 'expand[left]': '16' })).toMatch(/^outpaint: unknown option 'expand'/)
  expect(await answer({ extend: '{}', 'extend[left]': '16' })).toBe(
    'body: extend[left] must be given in one way, got it as a text of its own too',
  )
  expect(await answer({ 'extend[left]': '16', extend: '{}' })).toBe('body: extend must be given in one way, got it in two')
  expect(await answer({ 'extend[a][b][c][d][e]': '16' })).toMatch(/unknown option 'extend\[a\]\[b\]\[c\]\[d\]\[e\]'/)
  expect(await answer({ 'prompt[]': 'y' })).toMatch(/prompt/)
})

test('a field of a form that comes twice is refused, the task too', async () => {
  const { ask } = await serve(new ScriptedRunner())
  for (const name of ['task', 'seed', 'quality']) {
    const form = new FormData()
    form.set('prompt', 'x')
    form.set('image', new Blob([PNG], { type: 'image/png' }), 'a.png')
    for (const value of name === 'task' ? ['edit', 'predict'] : ['1', '2']) form.append(name, value)
    const response = await ask('/v1/images/edits', { method: 'POST', body: form })
    expect([name, response.status, await response.text()]).toEqual([name, 400, expect.stringContaining(`images/edits: ${name} must be`)])
  }
})

test('a mask of another size is told as the mask', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model)
  const mask = await sharp({ create: { width: 32, height: 32, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
    .png()
    .toBuffer()
  const form = new FormData()
  form.set('prompt', 'x')
  form.set('image', new Blob([PNG], { type: 'image/png' }), 'a.png')
  form.set('mask', new Blob([new Uint8Array(mask)], { type: 'image/png' }), 'm.png')
  const response = await ask('/v1/images/edits', { method: 'POST', body: form })
  const message = 'mask: expected 64 x 64 pixels as the picture has, got 32 x 32'
  expect([response.status, await response.json()]).toMatchObject([400, { error: { message, param: 'mask' } }])
})
