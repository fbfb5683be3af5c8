// Tokenising beside the event loop: the thread that is taken back, replaced, or cannot start; byte pairs against the library's; files that are no
// tokenizers.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Tokenizer as Library } from '@huggingface/tokenizers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { slices } from '../../lib/prompt/known-patterns.js'
import { said, words } from '../../lib/prompt/prompt-text.js'
import { TextCoder } from '../../lib/prompt/text.js'
import { Tokenizer } from '../../lib/prompt/tokenizer.js'

const worker = vi.hoisted(() => ({ started: 0, refused: false }))
vi.mock('node:worker_threads', async (original) => {
  const threads = await original<typeof import('node:worker_threads')>()
  class Worker extends threads.Worker {
    constructor(source: string | URL, options?: object) {
      if (worker.refused) throw Object.assign(new Error('Access to this API has been restricted'), { code: 'ERR_ACCESS_DENIED' })
      worker.started++
      super(source, options)
    }
  }
  return { ...threads, Worker, default: { ...threads, Worker } }
})

const golden = (name: string): string => readFileSync(new URL(`../golden/tokenizer/${name}`, import.meta.url), 'utf8')
const json = golden('tokenizer.json')
interface Config {
  pre_tokenizer: object
  model: { vocab: Record<string, number>; merges: [string, string][] }
  added_tokens: object[]
}
const config = JSON.parse(json) as Config
const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
const splitBy = (Regex: string): object => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, bytes],
})
const hostile = JSON.stringify({ ...config, pre_tokenizer: splitBy('(?:a|a)+$|.') })
const text = (length: number): string => Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * i * 7 + i) % 26))).join('')

afterEach(() => {
  worker.started = 0
  worker.refused = false
})

describe('the thread', () => {
  test('a request that is aborted is gone at once, and the next has the same thread', async () => {
    const coder = new TextCoder(json)
    await coder.encode(words('start '.repeat(400)))
    const stop = new AbortController()
    const given = coder.encode(words(text(200_000)), stop.signal)
    const waiting = coder.encode(words(text(200_000)), stop.signal)
    const next = coder.encode(words('x '.repeat(1000)))
    stop.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    await expect(waiting).rejects.toThrow('enough')
    expect(await next).toHaveLength(2000)
    expect(worker.started).toBe(1)
    await coder.close()
  })

  test('one that is closed while its thread starts leaves none behind, and says so to whoever comes later', async () => {
    const coder = new TextCoder(json)
    const given = expect(coder.encode(words(text(20_000)))).rejects.toMatchObject({ code: 'disposed' })
    await coder.close()
    await given
    await expect(coder.encode(words(text(20_000)))).rejects.toMatchObject({ code: 'disposed' })
    await sleep(100)
    expect(worker.started).toBe(0)
  })

  test('one that is stuck is replaced, and what waits goes on', async () => {
    const coder = new TextCoder(hostile)
    await coder.encode(words('b')) // unknown expressions are never tried here
    const stop = new AbortController()
    const stuck = coder.encode(words(`${'a'.repeat(40)}!`), stop.signal)
    const next = coder.encode(words('bc'))
    await sleep(50)
    stop.abort(new Error('enough'))
    await expect(stuck).rejects.toThrow('enough')
    expect(await next).toHaveLength(2)
    expect(worker.started).toBe(2)
    await coder.close()
  })

  test('an expression that takes too long is the file`s fault', async () => {
    const coder = new TextCoder(hostile, { ms: 300 })
    await expect(coder.encode(words(`${'a'.repeat(40)}!`))).rejects.toMatchObject({
      code: 'model/corrupt',
      message: 'tokenizer.json: its expressions took over 0.3 s for one text',
    })
    expect(await coder.encode(words('bc'))).toHaveLength(2)
    await coder.close()
  })

  test('where none can start, the work is done here in turns; unknown expressions are refused', async () => {
    worker.refused = true
    const coder = new TextCoder(json)
    const long = `${text(60_000)} ${'a small harbour, 12 boats '.repeat(2000)}`
    let turns = 0
    let asking = true
    const count = (): void => {
      turns++
      if (asking) setImmediate(count)
    }
    setImmediate(count)
    const ids = await coder.encode(said(long))
    asking = false
    expect(turns).toBeGreaterThan(5)
    expect(ids).toEqual(new Tokenizer(json).encode(said(long)))
    expect(await coder.decode(ids, false)).toBe(long)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(coder.encode(words(text(60_000)), signal)).rejects.toThrow('enough')
    await expect(new TextCoder(hostile).encode(words('bc'))).rejects.toMatchObject({
      code: 'model/unsupported',
      message: expect.stringMatching(/tokenizer\.json: .* worker thread, and none can start here \(Access to this API/) as unknown,
    })
  })
})

test('slices are split as the whole is', () => {
  const hard = 'a  b\n\nc!?\t d\u00e9\u0301 12 34567 \u0085x\ufeffy \r\n "it\'s" -- \u{1f600}\u{1f600} \u00a0z   \n'
  for (const name of ['tokenizer.json', 'tokenizer_variants/gpt2_bytelevel.json', 'tokenizer_variants/llama3_strings.json']) {
    const tokenizer = new Tokenizer(golden(name))
    for (let length = 1; length < 12; length++) {
      const cuts = [...slices(hard.repeat(3), length)]
      expect(cuts.join('')).toBe(hard.repeat(3))
      expect(cuts.length).toBeGreaterThan(5)
      expect(
        cuts.flatMap((one) => [...tokenizer.encode(said(one))]),
        `${name} ${length}`,
      ).toEqual([...tokenizer.encode(said(hard.repeat(3)))])
    }
  }
})

test('byte pairs are merged as the library does it', () => {
  const library = new (Library as unknown as new (config: object, options: object) => object)(config, {}) as unknown as {
    model: { encode(pieces: string[]): string[] }
  }
  const tokenizer = new Tokenizer(JSON.stringify({ ...config, pre_tokenizer: null, added_tokens: [] }))
  let state = 5
  const next = (below: number): number => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below
  for (let round = 0; round < 500; round++) {
    const piece = Array.from({ length: 1 + next(60) }, () => 'aeinorst \u0120lcd'[next(14)])
      .join('')
      .replaceAll(' ', '')
    const expected = library.model.encode([piece]).map((token) => config.model.vocab[token])
    expect([...tokenizer.encode(said(piece))], piece).toEqual(expected)
  }
})

describe('files that are no tokenizers', () => {
  const vocab = config.model.vocab
  test.each<[string, object | string, RegExp]>([
    ['not an object', '[]', /the file must be an object, got an array/],
    ['nothing', 'null', /the file must be an object, got null/],
    ['no model', { model: undefined }, /model must be an object, got undefined/],
    ['a vocab that is a list', { model: { ...config.model, vocab: [] } }, /model\.vocab must be an object/],
    ['an id that is a word', { model: { ...config.model, vocab: { ...vocab, a: 'x' } } }, /model\.vocab\["a"\] must be an id/],
    ['an id beyond all', { model: { ...config.model, vocab: { ...vocab, a: 4e9 } } }, /must be an id from 0 to 67108863, got 4000000000/],
    ['no merges', { model: { ...config.model, merges: undefined } }, /model\.merges must be an array/],
    ['merges of three', { model: { ...config.model, merges: ['a b c'] } }, /model\.merges\[0\] must be two tokens, got 'a b c'/],
    ['merges of numbers', { model: { ...config.model, merges: [[1, 2]] } }, /model\.merges\[0\] must be two tokens/],
    ['a merge to nothing', { model: { ...config.model, merges: [['zzz', 'q']] } }, /merge 0 needs a token that its vocab lacks/],
    ['an endless token', { model: { ...config.model, vocab: { ['x'.repeat(5000)]: 1 } } }, /must be at most 4096 characters, got 5000/],
    ['added tokens that are none', { added_tokens: [7] }, /added_tokens\[0\] must be an object, got 7/],
    ['an added token without an id', { added_tokens: [{ content: '<x>' }] }, /added_tokens\[0\]\.id must be an id/],
    ['an added token without content', { added_tokens: [{ id: 1 }] }, /added_tokens\[0\]\.content must be a string/],
    ['a flag that is none', { added_tokens: [{ id: 1, content: 'x', lstrip: 'yes' }] }, /added_tokens\[0\]\.lstrip must be true or false/],
    ['a pre-tokenizer that is a word', { pre_tokenizer: 'bytes' }, /pre_tokenizer must be an object, got 'bytes'/],
    ['a broken expression', { pre_tokenizer: splitBy('(') }, /its pre_tokenizer cannot be used \(/],
    ['no expression', { pre_tokenizer: { type: 'Split', behavior: 'Isolated' } }, /pre_tokenizer Split: pattern must be/],
    ['parts without end', { normalizer: { type: 'Sequence', normalizers: Array(99).fill({ type: 'NFC' }) } }, /at most 64 parts/],
    [
      'a replacement without end',
      { normalizer: { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(99) } },
      /at most 64 characters, got 99/,
    ],
    ['a replacement of nothing', { normalizer: { type: 'Replace', pattern: { String: '' }, content: 'a' } }, /pattern must be/],
    [
      'a replacement by a number',
      { normalizer: { type: 'Replace', pattern: { String: 'a' }, content: 7 } },
      /content must be a string, got 7/,
    ],
  ])('%s', (_, change, message) => {
    const file = typeof change === 'string' ? change : JSON.stringify({ ...config, ...change })
    expect(() => new Tokenizer(file)).toThrow(
      expect.objectContaining({ code: 'model/corrupt', message: expect.stringMatching(message) as unknown }),
    )
  })

  test.each<[object, RegExp]>([
    [{ pre_tokenizer: { type: 'Metaspace' } }, /expected a pre_tokenizer among Split, ByteLevel.*got 'Metaspace'/],
    [{ normalizer: { type: 'Precompiled' } }, /expected a normalizer among NFC.*got 'Precompiled'/],
    [{ model: { ...config.model, end_of_word_suffix: '</w>' } }, /expected a model without end_of_word_suffix, got '<\/w>'/],
  ])('%o is none of ours', (change, message) => {
    expect(() => new Tokenizer(JSON.stringify({ ...config, ...change }))).toThrow(
      expect.objectContaining({ code: 'model/unsupported', message: expect.stringMatching(message) as unknown }),
    )
  })

  test('a normalizer that makes too much of a text', () => {
    const normalizers = Array(40).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'aa' })
    const tokenizer = new Tokenizer(JSON.stringify({ ...config, normalizer: { type: 'Sequence', normalizers } }))
    expect(() => tokenizer.encode(said('a'.repeat(50)))).toThrow(/its normalizer makes 3200 characters of 50, at most 1824 are taken/)
  })
})
