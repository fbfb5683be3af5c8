// Limits below a model's defaults: a request that leaves a thing open gets as much as there may be, and hears of it; one that asks for more is
// refused. And what a run itself warns of reaches whoever asked.
import { expect, onTestFinished, test } from 'vitest'
import { loadModel, type ModelInfo } from '../../lib/index.js'
import { lowered } from '../../lib/server/lowered.js'
import { weigh } from '../../lib/server/limits.js'
import { settingsOf } from '../../lib/server/options.js'
import { INFO, ScriptedRunner } from './scripted.js'
import { eventsOf, eventually, serve } from './world.js'

const RELEASED = { ...INFO, scale: 16, defaults: {} } as unknown as ModelInfo
const limits = (given: object): ReturnType<typeof settingsOf> => settingsOf(given)
const picture = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64, channels: 3 } as const

test('defaults are lowered to the limits, and each is told', () => {
  const own = (task: 'generate' | 'edit' | 'chat', request: object, given: object): readonly [object, readonly string[]] => {
    const { request: made, warnings } = lowered(task, request as never, RELEASED, limits(given))
    return [made, warnings]
  }
  expect(own('generate', { prompt: 'x' }, {})).toEqual([{ prompt: 'x' }, []])
  expect(own('generate', { prompt: 'x' }, { maxSteps: 10, maxCells: 1000 })).toEqual([
    { prompt: 'x', steps: 10, width: 496, height: 496 },
    ['size: 496x496 in place of the default 1024x1024; at most 1000 cells here', 'steps: 10 in place of the default 64; at most 10 here'],
  ])
  expect(own('generate', { prompt: 'x', aspectRatio: '2:1' }, { maxCells: 200 })[0]).toEqual({ prompt: 'x', width: 320, height: 144 })
  expect(own('generate', { prompt: 'x', preset: 'best' }, { maxImages: 2, maxSteps: 50 })[0]).toEqual({
    prompt: 'x',
    preset: 'best',
    bestOf: 2,
    steps: 50,
  })
  expect(own('edit', { prompt: 'x', image: picture }, { maxCells: 256 })[0]).toMatchObject({ imageArea: 256 })
  const messages = [{ role: 'user', content: 'x' }]
  expect(own('chat', { messages }, { maxSteps: 8 })).toEqual([
    { messages, steps: 8 },
    ['steps: 8 in place of the default 128; at most 8 here'],
  ])
  expect(own('chat', { messages }, { maxCells: 600, maxSteps: 7 })[0]).toEqual({ messages, length: 512, steps: 6 })
  expect(own('chat', { messages }, { maxCells: 100 })[0]).toEqual({ messages, length: 100 })
  // What is asked for stays, to be refused.
  const asked = { prompt: 'x', steps: 11, width: 1024 }
  expect(own('generate', asked, { maxSteps: 10, maxCells: 1000 })[0]).toEqual(asked)
})

test('as many given pictures as max-images says, beside a mask', async () => {
  const given = limits({ maxImages: 2 })
  const images = (count: number): object => ({ prompt: 'x', images: Array.from({ length: count }, () => picture) })
  await expect(weigh('ask', images(2) as never, INFO, given)).resolves.toBeDefined()
  await expect(weigh('ask', images(3) as never, INFO, given)).rejects.toThrow('ask: images must be at most 2 pictures here, got 3')
  await expect(
    weigh('chat', { messages: [{ role: 'user', content: 'x' }], ...images(3), prompt: undefined } as never, INFO, given),
  ).rejects.toThrow('images must be at most 2 pictures here, got 3')
  const one = limits({ maxImages: 1 })
  await expect(weigh('inpaint', { prompt: 'x', image: picture, mask: picture }, INFO, one)).resolves.toBeDefined()
})

test('plain requests are served under a low --max-steps, and told', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner, { maxSteps: 4 })
  const native = await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, options: { id: 'r' } } })
  expect(native.status).toBe(202)
  expect(native.headers.get('warning')).toBe('299 - "steps: 4 in place of the default 8; at most 4 here"')
  expect(await native.json()).toMatchObject({ warnings: ['steps: 4 in place of the default 8; at most 4 here'] })
  expect(runner.last.request).toMatchObject({ steps: 4 })
  const refused = await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x', steps: 8 } } })
  expect(refused.status).toBe(422)
  const drawing = ask('/v1/images/generations', { json: { prompt: 'x' } })
  await eventually(() => runner.runs.length === 2)
  runner.last.finish()
  expect((await drawing).headers.get('warning')).toMatch(/steps: 4 in place/)
})

test('what a run warns of is in the header and beside the result; of a stream in its last event', async () => {
  const runner = new ScriptedRunner()
  const { ask } = await serve(runner)
  const send = async (path: string, json: object): Promise<Response> => {
    const before = runner.runs.length
    const answer = ask(path, { json })
    await eventually(() => runner.runs.length > before)
    await new Promise((resolve) => setTimeout(resolve, 50))
    runner.last.finish(['5000 positions are more than the 1024'])
    return answer
  }
  const plain = await send('/v1/images/generations', { prompt: 'x', user: 'me' })
  expect(plain.headers.get('warning')).toBe('299 - "ignored: user", 299 - "5000 positions are more than the 1024"')
  expect(await plain.json()).toMatchObject({ warnings: ['ignored: user', '5000 positions are more than the 1024'] })
  const streamed = await eventsOf(await send('/v1/images/generations', { prompt: 'x', stream: true }))
  expect(JSON.parse(streamed.at(-1)!.data)).toMatchObject({ warnings: ['5000 positions are more than the 1024'] })
  const tool = await send('/v1/responses', { input: 'x', tools: [{ type: 'image_generation' }] })
  expect(tool.headers.get('warning')).toMatch(/5000 positions/)
})

test('a prompt beyond the context of its model is answered with a warning', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model)
  const long = 'red '.repeat(1500)
  const drawn = await ask('/v1/images/generations', { json: { prompt: long, steps: 1 } })
  expect([drawn.status, drawn.headers.get('warning')]).toEqual([200, expect.stringMatching(/positions are more than the 1024/)])
  const said = await ask('/v1/chat/completions', { json: { messages: [{ role: 'user', content: long }], max_tokens: 8, stream: true } })
  expect(await said.text()).toMatch(/"warnings":\["\d+ positions are more than the 1024/)
}, 60_000)

test('usage of a streamed picture is its own share: all of them are the whole', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model)
  const json = { prompt: 'a red circle', n: 3, steps: 1, seed: 1 }
  const { usage } = (await (await ask('/v1/images/generations', { json })).json()) as { usage: Record<string, number> }
  const events = await eventsOf(await ask('/v1/images/generations', { json: { ...json, stream: true } }))
  const shares = events.map(({ data }) => (JSON.parse(data) as { usage: Record<string, number> }).usage)
  expect(shares).toHaveLength(3)
  for (const name of ['input_tokens', 'output_tokens', 'total_tokens'])
    expect(shares.reduce((sum, share) => sum + share[name]!, 0)).toBe(usage[name])
  expect(shares.map((share) => share['output_tokens'])).toEqual([64, 64, 64])
}, 60_000)

test('a film of fewer pictures than were asked for says so', async () => {
  const model = await loadModel()
  onTestFinished(() => model.close())
  const { ask } = await serve(model)
  const film = async (more: object): Promise<string | null> => {
    const response = await ask('/v1/images/generations', { json: { prompt: 'a red circle', seed: 1, ...more } })
    expect(response.status).toBe(200)
    return response.headers.get('warning')
  }
  expect(await film({ output_format: 'gif', frame_count: 3, steps: 6 })).toBeNull()
  expect(await film({ output_format: 'gif', frame_count: 8, steps: 2 })).toMatch(
    /frame_count: the film has 2 pictures, not 8: the decoding showed no more/,
  )
  expect(await film({ output_format: 'webp', frame_count: 2, steps: 1 })).toMatch(/frame_count: the film has 1 picture, not 2/)
  expect(await film({ output_format: 'gif', steps: 2 })).toBeNull()
}, 60_000)
