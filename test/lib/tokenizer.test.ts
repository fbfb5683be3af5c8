// The tokenizer against the Rust library's recorded ids, its corners, its speed at the released size, and the worker thread.
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { mendPattern } from '../../lib/prompt/pattern.js'
import { words } from '../../lib/prompt/prompt-text.js'
import { textedPrompts } from '../../lib/prompt/templates.js'
import { TextCoder } from '../../lib/prompt/text.js'
import { Tokenizer } from '../../lib/prompt/tokenizer.js'
import { bigTokenizer } from './big-tokenizer.js'

const golden = (path: string): string => readFileSync(new URL(`../golden/${path}`, import.meta.url), 'utf8')
interface Cases {
  cases: { text: string; ids: number[]; decoded: string; decoded_skip_special: string }[]
  decode_cases?: { ids: number[]; decoded: string; decoded_skip_special: string }[]
}
const main = golden('tokenizer/tokenizer.json')

describe.each([
  ['tokenizer.json', 'tokenizer_cases.json'],
  ...['added_token_flags', 'gpt2_bytelevel', 'llama3_strings', 'qwen2_nfc'].map((name) => [
    `tokenizer_variants/${name}.json`,
    `tokenizer_variants/${name}.cases.json`,
  ]),
])('%s', (file, casesFile) => {
  const tokenizer = new Tokenizer(golden(`tokenizer/${file}`))
  const { cases, decode_cases = [] } = JSON.parse(golden(`tokenizer/${casesFile}`)) as Cases

  test('encodes every recorded text to the recorded ids', () => {
    expect(cases.length).toBeGreaterThan(60)
    for (const one of cases) expect([...tokenizer.encode(words(one.text))], JSON.stringify(one.text)).toEqual(one.ids)
  })

  test('decodes every recorded list of ids to the recorded text', () => {
    for (const one of [...cases, ...decode_cases]) {
      expect(tokenizer.decode(Int32Array.from(one.ids), false)).toBe(one.decoded)
      expect(tokenizer.decode(Int32Array.from(one.ids), true)).toBe(one.decoded_skip_special)
    }
  })
})

test('prompts become the recorded strings and ids', () => {
  const tokenizer = new Tokenizer(main)
  const { t2i } = JSON.parse(golden('prompts.json')) as {
    t2i: { prompt: string; input_prompt: string; uncon_prompt: string; ids: number[]; uncon_ids: number[] }[]
  }
  for (const one of t2i) {
    const { conditional, unconditional } = textedPrompts('generate', words(one.prompt))
    expect([conditional, unconditional]).toEqual([words(one.input_prompt), words(one.uncon_prompt)])
    expect([...tokenizer.encode(words(one.input_prompt))]).toEqual(one.ids)
    expect([...tokenizer.encode(words(one.uncon_prompt))]).toEqual(one.uncon_ids)
  }
})

describe('where the library differs', () => {
  const flags = new Tokenizer(golden('tokenizer/tokenizer_variants/added_token_flags.json'))
  const id = (text: string): number => flags.encode(words(text))[0]!

  test('a single_word token is one only between non-word characters', () => {
    const cls = id('[CLS]')
    expect([...flags.encode(words('[CLS].'))]).toContain(cls)
    for (const text of ['a[CLS]', '[CLS]a', '_[CLS]', '\u00e9[CLS]', '[CLS]\u4e2d'])
      expect([...flags.encode(words(text))]).not.toContain(cls)
  })

  test('lstrip and rstrip take Unicode white space, not U+FEFF', () => {
    const mask = id('<|mdm_mask|>')
    expect([...flags.encode(words('\u0085 <|mdm_mask|>\u0085\n'))]).toEqual([mask])
    expect(flags.encode(words('\ufeff<|mdm_mask|>')).length).toBeGreaterThan(1)
  })

  test('possessive quantifiers and atomic groups do not give back', () => {
    expect(mendPattern('a?+b++[cd]*+(?:ef)++\\p{L}++')).toBe(
      '(?=(?<p0>a?))\\k<p0>(?=(?<p1>b+))\\k<p1>(?=(?<p2>[cd]*))\\k<p2>(?=(?<p3>(?:ef)+))\\k<p3>(?=(?<p4>\\p{L}+))\\k<p4>',
    )
    const split = (source: string, text: string): unknown => text.match(new RegExp(mendPattern(source), 'u'))?.[0]
    expect(split('a++a', 'aaa')).toBeUndefined()
    expect(split('(?>a|ab)c', 'abc')).toBeUndefined()
    expect(split('(?>ab|a)c', 'abc')).toBe('abc')
    expect(mendPattern('\\s+(?!\\S)|[^]\\r\\n]{1,3}x*?')).toBe('\\s+(?!\\S)|[^]\\r\\n]{1,3}x*?')
  })

  test('a case-insensitive group folds s and k as Unicode does', () => {
    expect(mendPattern("'(?i:[sdmt]|ll|k)s")).toBe("'(?i:[sdmt\u017f]|ll|[k\u212a])s")
  })

  test('other kinds of tokenizer are refused by name', () => {
    const config = JSON.parse(main) as { model: object }
    const wordPiece = JSON.stringify({ ...config, model: { ...config.model, type: 'WordPiece' } })
    expect(() => new Tokenizer(wordPiece)).toThrow(
      expect.objectContaining({ code: 'model/unsupported', message: expect.stringContaining('WordPiece') as unknown }),
    )
    expect(() => new Tokenizer('{')).toThrow(expect.objectContaining({ code: 'model/corrupt' }))
  })
})

describe('at the released size', () => {
  const json = bigTokenizer(main, 126_000)

  test('126,000 entries load in under 1.5 s', () => {
    // Processor time, not the clock's: other work on the machine is not ours.
    const start = process.cpuUsage()
    new Tokenizer(json)
    const { user, system } = process.cpuUsage(start)
    expect((user + system) / 1000).toBeLessThan(1500)
  })

  // Runs the built worker: dist/ must be there, as `npm install` leaves it.
  describe('in the worker', () => {
    const coder = new TextCoder(json)
    afterAll(() => coder.close())
    const tokenizer = new Tokenizer(json)

    test('long texts give the same ids, and the event loop goes on', async () => {
      const text = 'a small harbour in the early light, 12 boats, \u732b '.repeat(4000)
      await coder.encode(words('start the worker '.repeat(100)))
      let turns = 0
      let asking = true
      const count = (): void => {
        turns++
        if (asking) setImmediate(count)
      }
      setImmediate(count)
      const ids = await coder.encode(words(text))
      asking = false
      expect(turns).toBeGreaterThan(20)
      expect(ids).toEqual(tokenizer.encode(words(text)))
      expect(await coder.decode(ids, false)).toBe(text)
    })

    test('what was asked before close() rejects', async () => {
      const other = new TextCoder(main)
      const asked = other.encode(words('x'.repeat(5000)))
      const refused = expect(asked).rejects.toMatchObject({ code: 'disposed' })
      await other.close()
      await refused
    })
  })
})
