// Answers through the API over the fake addon: requests, settled text at the edges of characters and blocks, results, conversations.
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { NativeStep } from '../../lib/native/binding.js'
import { words } from '../../lib/prompt/prompt-text.js'
import { Tokenizer } from '../../lib/prompt/tokenizer.js'
import { TextProgress } from '../../lib/run/text-progress.js'
import { asked, behaviour, fake, reset, textRuns, TOKENS } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel } = await import('../../lib/index.js')
type Model = Awaited<ReturnType<typeof loadModel>>

const golden = (name: string): string => readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8')
const tokenizer = new Tokenizer(golden('tokenizer/tokenizer.json'))
const ids = (text: string): number[] => [...tokenizer.encode(words(text))]

let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())
const image = { data: new Uint8Array(32 * 32 * 3), width: 32, height: 32, channels: 3 as const }
const ask = { images: [image], prompt: 'What is it?', seed: 4 }

async function collect<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const step of steps) all.push(step)
  return all
}

describe('ask and chat', () => {
  test('the request, complete', async () => {
    await model.ask({ ...ask, images: [image, image] }).result()
    const [run] = textRuns()
    expect(run).toMatchObject({
      kind: 'text',
      guidance: [],
      steps: 8,
      length: 16,
      block: 8,
      temperature: 0,
      remasking: 'confidence',
      reuse: 'none',
      compat: 'none',
    })
    expect([...run!.ends]).toEqual([TOKENS.end_of_text, TOKENS.answer_end, ids('<|eot_id|>')[0]])
    expect([...run!.seeds]).toEqual([4n])
    expect([...run!.prefixes[0]!].filter((id) => id === TOKENS.image_begin)).toHaveLength(2)
    expect(run!.prefixes[0]!.at(-1)).toBe(TOKENS.answer_begin)
    expect(asked.cropped).toHaveLength(2)
    for (const name of ['noise', 'probe', 'threshold', 'cache'] as const) expect(run).not.toHaveProperty(name)
  })

  test('options reach the addon', async () => {
    await model
      .ask({ ...ask, guidance: 2, threshold: 0.9, remasking: 'random', cache: { refresh: 2 }, temperature: 0.5 }, { priority: 3 })
      .result()
    await model.chat({ messages: [{ role: 'user', content: 'Why?' }], reuse: 'prefix', length: 24, block: 12, steps: 2 }).result()
    expect(textRuns()[0]).toMatchObject({
      guidance: [2],
      threshold: 0.9,
      remasking: 'random',
      cache: { ratio: 0.9, warmup: 0.3, refresh: 2 },
      priority: 3,
    })
    expect(textRuns()[1]).toMatchObject({ reuse: 'prefix', length: 24, block: 12, steps: 2, prefixes: [{}] })
  })

  test("other lengths keep the checkpoint's steps a token; the released script's defaults without a checkpoint's", async () => {
    const shape = async (request: object): Promise<number[]> => {
      await model.chat({ messages: [{ role: 'user', content: '?' }], ...request }).result()
      const { length, block, steps } = textRuns().at(-1)!
      return [length, block, steps]
    }
    expect(await shape({ length: 4 })).toEqual([4, 4, 2])
    expect(await shape({ length: 24 })).toEqual([24, 8, 12])
    expect(await shape({ length: 24, block: 4 })).toEqual([24, 4, 12])
    behaviour.info = { defaults: {} }
    const plain = await loadModel(undefined, { device: 'cpu' })
    await plain.chat({ messages: [{ role: 'user', content: '?' }], steps: 4 }).result()
    expect(textRuns().at(-1)).toMatchObject({ length: 1024, block: 256, steps: 4 })
    await plain.close()
  })

  test.each<[object, RegExp]>([
    [{ images: [] }, /ask: images must be at least one picture, got none; for text alone there is chat/],
    [{ images: [image, 7] }, /images\[1\] must be a picture .*, got 7/],
    [{ images: undefined }, /images must be an array/],
    [{ prompt: undefined }, /ask: prompt must be a string, got undefined/],
    [{ length: 20 }, /length must be a multiple of block, got 20 and 8/],
    [{ steps: 7 }, /steps must be a multiple of the 2 blocks, got 7/],
    [{ length: 16384, block: 1 }, /length must be at most 4096 blocks, got 16384 of 1/],
    [{ cache: true, reuse: 'prefix' }, /cache must not be given with reuse 'prefix'/],
    [{ threshold: 1.5 }, /threshold must be a number from 0 to 1, got 1.5/],
    [{ remasking: 'low_confidence' }, /remasking must be one of 'confidence', 'random'/],
    [{ schedule: 'cosine' }, /unknown option 'schedule'/],
    [{ messages: [] }, /unknown option 'messages'/],
  ])('ask with %o is refused', (change, message) => {
    const act = (): unknown => model.ask({ ...ask, ...change })
    expect(act).toThrow(expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }))
  })

  test.each<[object[], RegExp]>([
    [[], /messages must end with a user's, got none/],
    [[{ role: 'assistant', content: 'x' }], /expected 'user', got 'assistant'/],
    [
      [
        { role: 'user', content: 'x' },
        { role: 'user', content: 'y' },
      ],
      /expected 'assistant', got 'user'/,
    ],
    [
      [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
      /end with a user's, got an assistant's/,
    ],
    [[{ role: 'user', content: 7 }], /messages\[0\]\.content must be a string, got 7/],
    [[{ role: 'user', content: 'x'.repeat(2 ** 18 + 1) }], /at most 262144 bytes/],
  ])('a conversation %# is refused', (messages, message) => {
    expect(() => model.chat({ messages } as never)).toThrow(message)
  })

  test('previews are refused', () => {
    expect(() => model.ask(ask, { previews: {} })).toThrow(/ask: previews are of pictures/)
  })
})

test('a model without our tokens converses in its own template, and does nothing else', async () => {
  const none = Object.fromEntries(Object.keys(TOKENS).map((name) => [name, -1]))
  const own = { ...none, mask: TOKENS.mask, end_of_text: TOKENS.end_of_text }
  behaviour.info = { architecture: 'llada', tokens: own, codebook_size: 0, code_offset: -1 }
  const llada = await loadModel(undefined, { device: 'cpu' })
  await llada.chat({ messages: [{ role: 'user', content: 'Why?' }] }).result()
  const [run] = textRuns()
  const text = '<|startoftext|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n'
  expect(await llada.detokenize(run!.prefixes[0]!)).toBe(text)
  expect(run!.suffixes).toEqual([new Int32Array(0)])
  expect([...run!.ends]).toEqual([TOKENS.end_of_text, ids('<|eot_id|>')[0]])
  const refusal: unknown = expect.objectContaining({
    code: 'model/unsupported',
    message: expect.stringMatching(/image codes, got fake \(llada\)/) as unknown,
  })
  expect(() => llada.generate({ prompt: 'x' })).toThrow(refusal)
  expect(() => llada.ask(ask)).toThrow(refusal)
  await llada.close()
})

describe('steps and result', () => {
  test('settled text grows, masked tokens show, the result is what was settled', async () => {
    behaviour.answer = [...ids('a red circle'), TOKENS.answer_end, ...ids(' and more')]
    const run = model.ask(ask, { delivery: 'all' })
    const steps = await collect(run)
    const result = await run.result()
    expect(result).toMatchObject({ text: 'a red circle', finishReason: 'stop', seed: '4' })
    expect(result.usage.outputTokens).toBe(ids('a red circle').length)
    expect(steps.at(-1)).toMatchObject({ kind: 'text', text: 'a red circle', settled: 'a red circle', block: 1, blocks: 2 })
    expect(steps[0]!.text).toMatch(/^a.*\u2591+$/)
    steps.reduce((before, { settled, text }) => {
      expect(settled.startsWith(before)).toBe(true)
      expect(text.startsWith(settled)).toBe(true)
      return settled
    }, '')
  })

  test('an answer without an end uses every token', async () => {
    behaviour.answer = Array<number>(16).fill(ids('a')[0]!)
    expect(await model.ask(ask).result()).toMatchObject({ text: 'a'.repeat(16), finishReason: 'length', usage: { outputTokens: 16 } })
  })

  test("compat 'reference': nothing ends early, and an early stop loses the last token", async () => {
    const trace = JSON.parse(golden('mmu_early_stop.json')) as {
      decoded_ids: number[]
      text: string
      output_ids: number[]
      code_start: number
    }
    behaviour.answer = trace.output_ids.slice(trace.code_start)
    expect(behaviour.answer).toHaveLength(8)
    const reference = await loadModel(undefined, { device: 'cpu', compat: 'reference' })
    const run = reference.ask({ ...ask, length: 8, block: 8, steps: 8 }, { delivery: 'all' })
    const steps = await collect(run)
    expect((await run.result()).text).toBe(trace.text)
    expect(trace.text.startsWith(steps.at(-1)!.settled)).toBe(true)
    await reference.close()
  })
})

describe('characters across tokens', () => {
  const text = 'h\u00e9 \u{1f308}\u4e16\u754c ok'
  const tokens = ids(text)
  const step = (fixed: (i: number) => boolean): NativeStep =>
    ({ tokens: Int32Array.from(tokens, (id, i) => (fixed(i) ? id : -1)), block: 0, blocks: 1 }) as NativeStep
  const progress = (): TextProgress =>
    new TextProgress(tokenizer, { ends: new Set([TOKENS.end_of_text]), block: tokens.length, losesLast: false })

  test('are settled whole, in order of fixing from the left', () => {
    expect(tokens.length).toBeGreaterThan(Array.from(text).length) // some take several tokens
    const view = progress()
    let before = ''
    for (let count = 0; count <= tokens.length; count++) {
      const { settled, text: now } = view.take(step((i) => i < count))
      expect(text.startsWith(settled) && settled.startsWith(before)).toBe(true)
      expect(now).toBe(settled + '\u2591'.repeat(tokens.length - count))
      before = settled
    }
    expect(before).toBe(text)
  })

  test('from the right, nothing is settled before the first token, and no half shows', () => {
    const view = progress()
    for (let count = tokens.length - 1; count >= 0; count--) {
      const { settled, text: now } = view.take(step((i) => i >= count))
      expect(settled).toBe(count === 0 ? text : '')
      expect(now).not.toContain('\ufffd')
      expect(text.endsWith(now.replace(/^\u2591*/, ''))).toBe(true)
    }
  })

  test('special and unknown ids are skipped, broken bytes become U+FFFD at the end', () => {
    const odd = [ids('a')[0]!, TOKENS.uncondition, 99_999, tokens[ids('h').length]!]
    const view = new TextProgress(tokenizer, { ends: new Set(), block: 4, losesLast: false })
    const { settled } = view.take({ tokens: Int32Array.from(odd), block: 0 } as NativeStep)
    expect(settled).toBe(tokenizer.decode(Int32Array.from(odd), true))
  })
})
