// Messages in both forms: what goes in comes out, what must not travel is refused, and what arrives is checked in full.
import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ImageStep, ModelInfo, TaskName, TaskRequests, TextStep } from '../../lib/index.js'
import { asked, behaviour, fake, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { DimooError, loadModel, materialise, toJson } = await import('../../lib/index.js')
const { TASKS } = await import('../../lib/requests/names.js')
const { errorFromData, errorToData } = await import('../../lib/base/errors.js')
const { decodeMessage, encodeMessage, messageFromJson, messageFromJsonText, messageToJson } = await import('../../lib/wire/messages.js')
type Model = Awaited<ReturnType<typeof loadModel>>
type Message = Parameters<typeof encodeMessage>[0]

let model: Model
let info: ModelInfo
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
  info = await model.info()
})
afterEach(() => model.close())

const raw = { data: new Uint8Array(32 * 16 * 3).fill(40), width: 32, height: 16, channels: 3 as const }
const file = (): Promise<Buffer> =>
  sharp({ create: { width: 32, height: 16, channels: 3, background: 'red' } })
    .png()
    .toBuffer()

async function requests(): Promise<TaskRequests> {
  const image = await file()
  const made = await model.generate({ prompt: 'a red circle', seed: 1 }).result()
  const [prompt, mask] = ['a red circle', { left: 0, top: 0, width: 8, height: 8 }]
  return {
    generate: {
      prompt,
      seed: 2n ** 64n - 1n,
      steps: 4,
      schedule: (progress) => 1 - progress,
      cache: { ratio: 0.5 },
      guidance: { text: 2, floor: 0.1 },
    },
    edit: { prompt, image: new Blob([image]), kind: 'add', guidance: 3 },
    inpaint: { prompt, image: `data:image/png;base64,${image.toString('base64')}`, mask, composite: { feather: 2 } },
    outpaint: { prompt, image: raw, extend: { left: 8 } },
    retouch: { from: made, region: Uint32Array.of(1, 2) },
    control: { prompt, image: new Blob([image]).stream(), control: 'canny', source: 'photo' },
    predict: { image: made.images[0]!, map: 'depth' },
    subject: { prompt, image: image.buffer.slice(image.byteOffset, image.byteOffset + image.length) as ArrayBuffer, bestOf: 2 },
    style: { image, style: raw },
    view: { image, view: 'left', start: { tokens: Int32Array.of(-1, 1, 2, 3, 4, 5, 6, 7), step: 1, pinned: [1] } },
    ask: { prompt: 'What?', images: [image, raw], reuse: 'prefix', threshold: 0.5 },
    chat: { messages: [{ role: 'user', content: 'What?' }], length: 8 },
  }
}

const both = (message: Message): Message[] => [
  decodeMessage(encodeMessage(message)),
  messageFromJson(JSON.parse(JSON.stringify(messageToJson(message)))),
  messageFromJsonText(JSON.stringify(messageToJson(message))),
]

describe('requests', () => {
  test.each(TASKS)('%s arrives as it was sent, in both forms', async (task) => {
    const request = await materialise(task, (await requests())[task], info)
    const message = { kind: 'request', task, request, options: { id: 'r-1', priority: 2, previews: { every: 2, format: 'png' } } } as const
    for (const arrived of both(message)) expect(arrived).toEqual(message)
    expect(structuredClone(request)).toEqual(request)
  })

  test('what is made ready holds bytes, numbers and a seed, whatever becomes of what was given', async () => {
    const data = Uint8Array.from(raw.data)
    const travelling = materialise('edit', { prompt: 'x', image: { ...raw, data } }, info)
    structuredClone(data.buffer, { transfer: [data.buffer] })
    expect(await travelling).toEqual({ prompt: 'x', image: raw, seed: expect.stringMatching(/^\d+$/) as unknown })
    const schedule = (await materialise('generate', { prompt: 'x', schedule: (progress) => 1 - progress }, info)).schedule
    expect(schedule).toEqual([0.75, 0.5, 0.25, 0])
    expect(await materialise('generate', { prompt: 'x', seed: 7, schedule: 'linear' }, info)).toMatchObject({
      seed: '7',
      schedule: 'linear',
    })
  })

  test('what is wrong is told at once where it can be seen, and when it is read otherwise', async () => {
    expect(() => materialise('edit', { prompt: 'x' } as never, info)).toThrow(/edit: image must be a picture/)
    await expect(materialise('edit', { prompt: 'x', image: 'none.png' }, info)).rejects.toMatchObject({ code: 'image/invalid' })
  })

  test.each<[string, unknown, RegExp]>([
    ['a path', '/etc/passwd', /edit: image must be the bytes of a picture or a data: URL where it travels, got a place/],
    ['a URL', 'http://example.com/a.png', /got a place/],
    ['no picture', 7, /edit: image must be a picture/],
    ['text for pixels', { data: '####', width: 1, height: 1, channels: 3 }, /expected bytes as base64/],
    ['a data: URL of no bytes', 'data:image/png;base64,####', /expected bytes as base64/],
  ])('%s does not travel', (_, image, message) => {
    const json = { version: 1, kind: 'request', task: 'edit', request: { prompt: 'x', image }, options: {} }
    expect(() => messageFromJson(json)).toThrow(
      expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }),
    )
  })

  test('a schedule that is still a function, a stream and options of one process do not travel', () => {
    const message = { kind: 'request', task: 'generate', options: {} } as const
    expect(() => encodeMessage({ ...message, request: { prompt: 'x', schedule: () => 0 } })).toThrow(/schedule must be a name or shares/)
    const json = { version: 1, ...message, request: { prompt: 'x' }, options: { signal: {} } }
    expect(() => messageFromJson(json)).toThrow(/unknown option 'signal'/)
  })
})

async function taken<T extends ImageStep | TextStep>(run: AsyncIterable<T>): Promise<T[]> {
  const steps: T[] = []
  for await (const step of run) steps.push(step)
  return steps
}

describe('steps and results', () => {
  test('a picture: plain data, cloned, as JSON, and over the wire', async () => {
    const run = model.generate({ prompt: 'x', seed: 3, n: 2 }, { delivery: 'all', previews: { every: 4, format: 'png' } })
    const steps = await taken(run)
    const result = await run.result()
    for (const step of [steps[0]!, steps.at(-1)!]) {
      const copy = structuredClone(step)
      expect(copy).toEqual({ ...copy })
      expect(toJson(copy)).toEqual(JSON.parse(JSON.stringify(step)))
      for (const arrived of both({ kind: 'step', task: 'generate', step: copy })) expect(arrived).toMatchObject({ step: copy })
    }
    const copy = structuredClone(result)
    expect(copy.images[0]!.image).toBe(copy.image)
    expect(JSON.parse(JSON.stringify(result))).toEqual(toJson(copy))
    expect(JSON.stringify(result).match(/"data"/g)).toHaveLength(2)
    for (const arrived of both({ kind: 'result', task: 'generate', result: copy })) {
      const { seed, images, timings, usage, warnings, remasked } = copy
      expect(arrived).toMatchObject({ result: { seed, images, timings, usage, warnings, remasked } })
    }
  })

  test('a text', async () => {
    behaviour.answer = [...(await model.tokenize('a red circle')), 602]
    const run = model.chat({ messages: [{ role: 'user', content: '?' }] }, { delivery: 'all' })
    const steps = await taken(run)
    const result = await run.result()
    for (const step of steps) for (const arrived of both({ kind: 'step', task: 'chat', step })) expect(arrived).toMatchObject({ step })
    for (const arrived of both({ kind: 'result', task: 'chat', result })) expect(arrived).toMatchObject({ result })
    expect(steps.map(({ delta }) => delta).join('')).toBe(steps.at(-1)!.settled)
  })

  test('an error keeps its code and details, and shows who waited', () => {
    for (const arrived of both({ kind: 'error', error: errorToData(new DimooError('model/corrupt', 'bad', { details: { at: 7 } })) })) {
      if (arrived.kind !== 'error') throw new Error('expected an error')
      expect(errorFromData(arrived.error)).toMatchObject({ name: 'DimooError', code: 'model/corrupt', message: 'bad', details: { at: 7 } })
    }
    expect(errorFromData(errorToData(new DOMException('gone', 'AbortError')))).toMatchObject({ name: 'AbortError', message: 'gone' })
    expect(errorToData(new Error('x'))).toEqual({ code: 'internal', message: 'x' })
  })

  test('a snapshot is its bytes', async () => {
    const run = model.generate({ prompt: 'x', steps: 50 })
    const snapshot = await run.snapshot()
    run.abort()
    for (const arrived of both({ kind: 'snapshot', task: 'generate', snapshot }))
      expect(arrived).toEqual({ kind: 'snapshot', task: 'generate', snapshot })
    expect(asked.cancelled).toBe(1)
  })
})

test.each<[string, unknown, RegExp]>([
  ['nothing', null, /expected a message, got null/],
  ['another version', { version: 2, kind: 'request' }, /expected version 1, got 2/],
  ['another kind', { version: 1, kind: 'order', task: 'edit' }, /kind must be request, step/],
  ['another task', { version: 1, kind: 'request', task: 'text-to-image' as TaskName }, /task must be one of generate, /],
  ['a step without its tokens', { version: 1, kind: 'step', task: 'edit', step: { kind: 'image' } }, /tokens must be|image must be/],
  ['a result with more', { version: 1, kind: 'result', task: 'ask', result: { text: '', more: 1 } }, /unknown option 'more'/],
])('%s is refused', (_, json, message) => {
  expect(() => messageFromJson(json)).toThrow(
    expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }),
  )
})

test('JSON that is deep, long or none is refused before it is built', () => {
  const refused = (text: string, message: RegExp): void => expect(() => messageFromJsonText(text)).toThrow(message)
  refused('['.repeat(100_000), /at most 16 levels/)
  refused(`[${'0,'.repeat(600_000)}0]`, /at most \d+ values/)
  refused('{"__proto__": 1}', /'__proto__' must not be there/)
  refused('{"a": ', /expected JSON/)
  expect(() => messageFromJsonText('"x"', { maxBytes: 2, maxDepth: 1, maxItems: 1 })).toThrow(/at most 2 characters/)
})

test('the example of the page is a message', () => {
  const page = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8')
  const [, json] = /```json\n([^]*?)```/.exec(page)!
  expect(messageFromJsonText(json!)).toEqual({
    kind: 'request',
    task: 'generate',
    request: { prompt: 'a red circle', seed: '7', steps: 16 },
    options: { priority: 1 },
  })
})
