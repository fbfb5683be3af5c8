// llama.cpp's tokenizer keys: the recorded ids of the tokenizer.json that they were made from, through a GGUF file and the addon;
// what is unknown is refused by name.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { binding } from '../../lib/native/binding.js'
import type { BenchReport } from '../../lib/cli/bench.js'
import { runJob } from '../../lib/native/job.js'
import { loadModel } from '../../lib/model/load.js'
import { words } from '../../lib/prompt/prompt-text.js'
import { Tokenizer } from '../../lib/prompt/tokenizer.js'
import { ggufBytes, type GgufTensor, type GgufValue } from './gguf-bytes.js'

const golden = (name: string): unknown => JSON.parse(readFileSync(new URL(`../golden/tokenizer/${name}`, import.meta.url), 'utf8'))
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-ggml-'))
afterAll(() => rmSync(folder, { recursive: true }))
const files: string[] = [] // written so far

interface Original {
  readonly added_tokens: { id: number; content: string; special: boolean }[]
  readonly model: { vocab: Record<string, number>; merges: (string | string[])[] }
}
interface Cases {
  readonly cases: { text: string; ids: number[]; decoded: string; decoded_skip_special: string }[]
}

/** The keys that llama.cpp's converter would write. */
function keysOf(original: Original, pre: string) {
  const ids = Object.values(original.model.vocab)
  const size = 1 + Math.max(...ids, ...original.added_tokens.map(({ id }) => id))
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const token_type = tokens.map(() => 5)
  for (const [text, id] of Object.entries(original.model.vocab)) [tokens[id], token_type[id]] = [text, 1]
  for (const { id, content, special } of original.added_tokens) [tokens[id], token_type[id]] = [content, special ? 3 : 4]
  const merges = original.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  return { model: 'gpt2', pre, tokens, token_type, merges }
}

function check(tokenizer: Tokenizer, { cases }: Cases): void {
  expect(cases.length).toBeGreaterThan(60)
  for (const one of cases) {
    expect([...tokenizer.encode(words(one.text))], JSON.stringify(one.text)).toEqual(one.ids)
    expect(tokenizer.decode(Int32Array.from(one.ids), false)).toBe(one.decoded)
    expect(tokenizer.decode(Int32Array.from(one.ids), true)).toBe(one.decoded_skip_special)
  }
}

describe.each([
  ['tokenizer.json', 'tokenizer_cases.json', 'llada-moe'],
  ['tokenizer_variants/llama3_strings.json', 'tokenizer_variants/llama3_strings.cases.json', 'smaug-bpe'],
  ['tokenizer_variants/gpt2_bytelevel.json', 'tokenizer_variants/gpt2_bytelevel.cases.json', 'gpt-2'],
])('%s', (file, cases, pre) => {
  const keys = keysOf(golden(file) as Original, pre)

  test('gives the recorded ids from its keys', () => {
    check(new Tokenizer(JSON.stringify({ ggml: keys })), golden(cases) as Cases)
  })

  test('and through a file', async () => {
    const d = 8
    const tensor = (name: string, ...shape: number[]): GgufTensor => {
      return { name, shape, values: new Float32Array(shape.reduce((a, b) => a * b)) }
    }
    const matrices = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((name) =>
      tensor(`blk.0.${name}.weight`, d, d),
    )
    const norms = ['blk.0.attn_norm', 'blk.0.ffn_norm', 'output_norm'].map((name) => tensor(`${name}.weight`, d))
    const tables = ['token_embd', 'output'].map((name) => tensor(`${name}.weight`, keys.tokens.length, d))
    const numbers = { context_length: 64, embedding_length: d, block_count: 1, feed_forward_length: d, 'attention.head_count': 2 }
    const meta: Record<string, GgufValue> = { 'general.architecture': 'llada', 'tokenizer.ggml.model': keys.model }
    for (const [name, value] of Object.entries(numbers)) meta[`llada.${name}`] = { u32: value }
    meta['llada.attention.layer_norm_rms_epsilon'] = { f32: 1e-5 }
    meta['tokenizer.ggml.pre'] = pre
    meta['tokenizer.ggml.tokens'] = keys.tokens
    meta['tokenizer.ggml.token_type'] = { i32s: keys.token_type }
    meta['tokenizer.ggml.merges'] = keys.merges
    const mask = keys.tokens.indexOf('<|mdm_mask|>')
    meta['tokenizer.ggml.mask_token_id'] = { u32: mask }
    const source = path.join(folder, `${pre}.gguf`)
    writeFileSync(source, ggufBytes(meta, [...tables, ...norms, ...matrices]))
    const options = { source, device: 'cpu', precision: 'f32', threads: 1, verify: 'sizes' }
    const model = await binding().load(JSON.stringify(options)).promise
    const info = JSON.parse(model.info()) as { architecture: string; codebook_size: number; tokens: Record<string, number> }
    expect(info).toMatchObject({ architecture: 'llada', codebook_size: 0, code_offset: keys.tokens.length })
    expect(info.tokens).toMatchObject({ mask, end_of_text: keys.tokens.indexOf('<|endoftext|>') })
    check(new Tokenizer(model.tokenizerJson()), golden(cases) as Cases)
    await model.close().promise
    files.push(source)
  })

  test('serves chat and bench', async () => {
    const source = files.at(-1)!
    await using model = await loadModel(source, { device: 'cpu', threads: 1 })
    const answer = await model.chat({ messages: [{ role: 'user', content: 'hello' }], length: 8, block: 4, steps: 4 }).result()
    expect(answer.usage.steps).toBe(4)
    const report = await runJob<BenchReport>('bench', { source, device: 'cpu', threads: 1, rows: 16, repetitions: 5 })
    expect(report).toMatchObject({ architecture: 'llada', rows: 16 })
    expect(report.rowsPerSecond).toBeGreaterThan(0)
    expect(report.picture).toBeUndefined()
  })
})

const small = {
  model: 'gpt2',
  pre: 'llada-moe',
  tokens: ['a', 'b', 'ab', '<|x|>', '__proto__'],
  token_type: [1, 1, 1, 3, 1],
  merges: ['a b'],
}
const make = (changed: object): Tokenizer => new Tokenizer(JSON.stringify({ ggml: { ...small, ...changed } }))

test('kinds of token', () => {
  expect([...make({}).encode(words('ab<|x|>ba'))]).toEqual([2, 3, 1, 0])
  expect(make({}).decode(Int32Array.of(2, 3, 4), true)).toBe('ab__proto__')
  expect(make({ token_type: [1, 1, 1, 4, 1] }).decode(Int32Array.of(3), true)).toBe('<|x|>')
  expect([...make({ token_type: [1, 1, 5, 3, 1] }).encode(words('ab'))]).not.toContain(2)
  expect([...make({ token_type: undefined, merges: [] }).encode(words('ab'))]).toEqual([0, 1])
  expect([...make({ pre: 'llama-bpe', merges: [] }).encode(words('ab'))]).toEqual([2])
})

test('the expressions of an unknown tokenizer go one after the other', () => {
  const digits = '0123456789a'.split('')
  const found = make({ pre: 'default', tokens: [...digits, '12', '123'], token_type: undefined, merges: ['1 2', '12 3'] })
  expect([...found.encode(words('1231239'))]).toEqual([12, 12, 9])
})

test.each([
  [{ model: 'llama' }, 'model/unsupported', 'tokenizer.ggml.model: expected gpt2, got llama'],
  [{ pre: 'tekken' }, 'model/unsupported', 'got tekken'],
  [{ pre: 'constructor' }, 'model/unsupported', 'got constructor'],
  [{ pre: 7 }, 'model/unsupported', 'got none'],
  [{ tokens: undefined }, 'model/corrupt', 'tokenizer.ggml.tokens: expected a list of strings'],
  [{ tokens: ['a', 1] }, 'model/corrupt', 'tokenizer.ggml.tokens'],
  [{ token_type: [1] }, 'model/corrupt', 'expected 5 values, got 1'],
  [{ token_type: ['1'] }, 'model/corrupt', 'expected a list of numbers'],
  [{ merges: ['ab'] }, 'model/corrupt', 'expected two tokens, got "ab"'],
  [{ merges: ['ab '] }, 'model/corrupt', 'expected two tokens'],
  [{ merges: 'a b' }, 'model/corrupt', 'tokenizer.ggml.merges: expected a list of strings'],
])('%o is refused', (changed, code, message) => {
  expect(() => make(changed)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) as unknown }))
})
