// `verifyModel`: a checkpoint of the released layout with one fault after the other, each found and named; sound ones, and what they cost.
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { convert, synth, verifyModel, type VerifyCheck, type Progress, type VerifyReport } from '../../lib/index.js'
import { encodeKnown, lookAtTokens } from '../../lib/model/verify-tokens.js'
import { KNOWN_IDS, KNOWN_TEXT, RELEASED_ROLES } from '../../lib/model/released.js'
import type { VerifyFinding, Note } from '../../lib/model/findings.js'
import { readSafetensors, writeLlada, writeSafetensors, type TestTensor } from '../lib/checkpoints.js'
import { golden } from './native.js'

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-verify-'))
afterAll(() => rmSync(folder, { recursive: true }))
const checkpoint = path.join(golden, 'checkpoint')
const SHARD = 'model-00002-of-00002.safetensors'
const VQ = 'vqvae/diffusion_pytorch_model.safetensors'
const quick = { speed: false } as const

type Change = (copy: string) => void
const editJson =
  (name: string, change: (json: Record<string, unknown>) => void): Change =>
  (copy) => {
    const json = JSON.parse(readFileSync(path.join(copy, name), 'utf8')) as Record<string, unknown>
    change(json)
    writeFileSync(path.join(copy, name), JSON.stringify(json))
  }
/** Some tensors of a file, changed. */
const editTensors =
  (name: string, change: (tensors: TestTensor[]) => TestTensor[]): Change =>
  (copy) =>
    writeSafetensors(
      path.join(copy, name),
      change(readSafetensors(path.join(copy, name)).map((one) => ({ ...one, data: Buffer.from(one.data) }))),
    )
const editTensor = (name: string, pattern: RegExp, change: (tensor: TestTensor) => TestTensor): Change =>
  editTensors(name, (tensors) => tensors.map((one) => (pattern.test(one.name) ? change(one) : one)))
const added = (change: (tokens: { id: number; content: string }[]) => { id: number; content: string }[]): Change =>
  editJson('tokenizer.json', (json) => void (json['added_tokens'] = change(json['added_tokens'] as { id: number; content: string }[])))
const filled =
  (bytes: readonly number[]) =>
  (tensor: TestTensor): TestTensor => {
    tensor.data.set(bytes, 0)
    return tensor
  }

const FAULTS: readonly [name: string, change: Change, check: VerifyCheck, message: RegExp][] = [
  ['a shard is missing', (copy) => unlinkSync(path.join(copy, SHARD)), 'files', /model-00002-of-00002\.safetensors is missing, of 2/],
  [
    'a shard is cut',
    (copy) => truncateSync(path.join(copy, SHARD), 100_000),
    'layout',
    /model-00002-of-00002\.safetensors.*(?:within|truncated|cut)/,
  ],
  ['a shard is empty', (copy) => truncateSync(path.join(copy, SHARD), 0), 'files', /model-00002-of-00002\.safetensors is empty/],
  [
    'a shard is a pointer of Git LFS',
    (copy) => writeFileSync(path.join(copy, SHARD), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n'),
    'files',
    /is a pointer of Git LFS/,
  ],
  [
    'a shard is a link to nothing',
    (copy) => {
      unlinkSync(path.join(copy, SHARD))
      symlinkSync('nowhere', path.join(copy, SHARD))
    },
    'files',
    /is a link to a file that is gone/,
  ],
  [
    'a shard is text',
    (copy) => writeFileSync(path.join(copy, SHARD), '<html>404</html>'.repeat(99)),
    'layout',
    /model-00002-of-00002\.safetensors/,
  ],
  [
    'the index is no JSON',
    (copy) => appendFileSync(path.join(copy, 'model.safetensors.index.json'), '}'),
    'files',
    /index\.json is no JSON/,
  ],
  [
    'the index names a tensor that no shard has',
    editJson(
      'model.safetensors.index.json',
      (json) => void ((json['weight_map'] as Record<string, string>)['model.transformer.x'] = SHARD),
    ),
    'layout',
    /expected \d+ tensors in model-00002/,
  ],
  [
    'a tensor is missing',
    (copy) => {
      editTensors(SHARD, (tensors) => tensors.slice(1))(copy)
      const [gone] = readSafetensors(path.join(checkpoint, SHARD))
      editJson('model.safetensors.index.json', (json) => void Reflect.deleteProperty(json['weight_map'] as object, gone!.name))(copy)
    },
    'layout',
    /is missing/,
  ],
  [
    'a tensor has another shape',
    editTensor(SHARD, /q_proj/, (one) => ({ ...one, shape: [one.shape[0]! / 2, one.shape[1]! * 2] })),
    'layout',
    /attn_q\.weight.*shape/,
  ],
  [
    'a tensor has another type',
    editTensor(SHARD, /q_proj/, (one) => ({ ...one, dtype: 'I16' })),
    'layout',
    /expected F32, F16 or BF16, got I16/,
  ],
  [
    'a tensor that nobody knows',
    editTensor(SHARD, /q_proj/, (one) => ({ ...one, name: one.name.replace('q_proj', 'qq_proj') })),
    'layout',
    /qq_proj|expected \d+ tensors/,
  ],
  ['a weight is not a number', editTensor(SHARD, /ff_out\.weight$/, filled([0xc0, 0x7f])), 'weights', /values are not finite/],
  [
    'a weight of the image tokenizer is infinite',
    editTensor(VQ, /decoder\.conv_in\.weight/, filled([0, 0, 0x80, 0x7f])),
    'weights',
    /vq\.decoder\.conv_in\.weight: 1 values/,
  ],
  [
    'a matrix is nothing but zeros',
    editTensor(SHARD, /up_proj/, (one) => ({ ...one, data: Buffer.alloc(one.data.length) })),
    'weights',
    /ffn_up\.weight: nothing but zeros/,
  ],
  ['config.json is no JSON', (copy) => writeFileSync(path.join(copy, 'config.json'), '{'), 'layout', /config\.json/],
  ['more layers than there are', editJson('config.json', (json) => void (json['n_layers'] = 4)), 'layout', /blk\.3\..* is missing/],
  [
    'another mask token',
    editJson('config.json', (json) => void (json['mask_token_id'] = 584)),
    'layout',
    /mask_token_id: expected 583 \(<\|mdm_mask\|>\), got 584/,
  ],
  [
    'another activation',
    editJson('config.json', (json) => void (json['activation_type'] = 'gelu')),
    'layout',
    /activation_type: expected silu, got gelu/,
  ],
  ['no tokenizer', (copy) => unlinkSync(path.join(copy, 'tokenizer.json')), 'files', /tokenizer\.json is missing/],
  ['the tokenizer is no JSON', (copy) => truncateSync(path.join(copy, 'tokenizer.json'), 5000), 'tokenizer', /tokenizer\.json is no JSON/],
  [
    'a role without a token',
    added((tokens) => tokens.filter(({ content }) => content !== '<uncondition>')),
    'tokenizer',
    /the token <uncondition> is missing/,
  ],
  [
    'a tag that templates are made of is missing',
    added((tokens) => tokens.filter(({ content }) => content !== '<system>')),
    'tokenizer',
    /<system> is missing/,
  ],
  [
    'two tokens of one id',
    added((tokens) => tokens.map((one) => (one.content === '</user>' ? { ...one, id: 589 } : one))),
    'tokenizer',
    /<user> and <\/user> have the same id, 589/,
  ],
  [
    'codes that do not begin after the tokenizer',
    added((tokens) => [...tokens, { ...tokens[0]!, id: 640, content: '<far>' }]),
    'layout',
    /image codes must begin after/,
  ],
  ['no image tokenizer', (copy) => rmSync(path.join(copy, 'vqvae'), { recursive: true }), 'layout', /expected vqvae\/config\.json/],
  [
    'an image tokenizer without weights',
    (copy) => unlinkSync(path.join(copy, VQ)),
    'layout',
    /vqvae\/diffusion_pytorch_model\.safetensors/,
  ],
  [
    'an image tokenizer of other channels',
    editJson('vqvae/config.json', (json) => void (json['block_out_channels'] = [16, 16, 32, 32, 64])),
    'layout',
    /vq\..*(?:shape|missing)/,
  ],
]

test.each(FAULTS)('%s', async (name, change, check, message) => {
  const copy = path.join(folder, name.replace(/\W/g, '-'))
  cpSync(checkpoint, copy, { recursive: true })
  change(copy)
  const report = await verifyModel(copy, quick)
  expect(report.ok).toBe(false)
  expect(report.findings).toContainEqual({ level: 'fault', check, message: expect.stringMatching(message) as string })
  rmSync(copy, { recursive: true })
})

describe('sound', () => {
  let report: VerifyReport
  const told: Progress[] = []
  beforeAll(async () => {
    report = await verifyModel(checkpoint, { onProgress: (progress) => told.push(progress) })
  })

  test('no fault, one note: it is not the released one', () => {
    expect(report).toMatchObject({ ok: true, released: false, hashed: false, architecture: 'lumina-dimoo', format: 'safetensors' })
    expect(report.findings).toEqual([
      {
        level: 'note',
        check: 'released',
        message: expect.stringMatching(/^not the released checkpoint: d_model is 64, not 4096/) as string,
      },
    ])
    expect(told.at(-1)).toMatchObject({ phase: 'verify', fraction: 1 })
  })

  test('what it takes, by type, as converted files are', async () => {
    const whole = path.join(folder, 'tiny.gguf')
    await synth('tiny', whole, { type: 'bf16' })
    const { types, best, runBytes, availableBytes } = (await verifyModel(whole, quick)).memory!
    expect(best).toBe('bf16')
    expect(runBytes).toBeGreaterThan(1e6)
    expect(availableBytes).toBeGreaterThan(1e8)
    const metadata = 450_000 // keys, the tokenizer, names and alignment
    for (const { type, weightBytes, fits } of types) {
      const { bytes } = await convert(whole, path.join(folder, 'x.gguf'), { type })
      expect(bytes - weightBytes, type).toBeGreaterThan(0)
      expect(bytes - weightBytes, type).toBeLessThan(metadata)
      expect(fits).toBe(true)
    }
  })

  test('how long a step will take', () => {
    expect(report.speed).toMatchObject({ width: 1024, height: 1024, steps: 64 })
    expect(report.speed!.secondsPerStep).toBeGreaterThan(0)
    expect(report.speed!.operationsPerSecond).toBeGreaterThan(1e8)
  })

  test('GGUF files, text models, a file in parts', async () => {
    await convert(checkpoint, path.join(folder, 'good.gguf'), { type: 'q8_0' })
    expect(await verifyModel(path.join(folder, 'good.gguf'), quick)).toMatchObject({ ok: true, format: 'gguf', memory: { best: 'q8_0' } })
    const llada = mkdtempSync(path.join(folder, 'llada-'))
    writeLlada(llada)
    expect(await verifyModel(llada, quick)).toMatchObject({ ok: true, architecture: 'llada' })
    truncateSync(path.join(folder, 'good.gguf'), 400_000)
    expect((await verifyModel(path.join(folder, 'good.gguf'), quick)).ok).toBe(false)
  })

  test('the rest of a download is worth a word', async () => {
    const copy = path.join(folder, 'rest')
    cpSync(checkpoint, copy, { recursive: true })
    renameSync(path.join(copy, 'special_tokens_map.json'), path.join(copy, 'model.safetensors.part'))
    const { ok, findings } = await verifyModel(copy, { ...quick, weights: false })
    expect(ok).toBe(true)
    expect(findings).toContainEqual({ level: 'note', check: 'files', message: expect.stringMatching(/rest of a download/) as string })
  })

  test('nothing there is no report', async () => {
    await expect(verifyModel(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'model/not-found' })
    await expect(verifyModel(checkpoint, { loud: true } as never)).rejects.toMatchObject({ code: 'request/invalid' })
    await expect(verifyModel(checkpoint, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
  })
})

describe("the released tokenizer's ids", () => {
  const notes: VerifyFinding[] = []
  const note: Note = (level, check, message) => void notes.push({ level, check, message })
  const known = vi.fn((text: string) => Promise.resolve(Int32Array.from(text === KNOWN_TEXT ? KNOWN_IDS : [1])))

  test('as they are known', async () => {
    const tokens = Object.entries(RELEASED_ROLES).map(([content, id]) => ({ content, id }))
    lookAtTokens(JSON.stringify({ added_tokens: tokens }), true, note)
    await encodeKnown(known, true, note)
    expect(notes).toEqual([])
    expect(known).toHaveBeenCalledWith(KNOWN_TEXT)
  })

  test('others', async () => {
    const tokens = Object.entries(RELEASED_ROLES).map(([content, id]) => ({
      content,
      id: id === 126_349 ? 126_350 : id === 126_350 ? 126_349 : id,
    }))
    lookAtTokens(JSON.stringify({ added_tokens: tokens }), true, note)
    await encodeKnown((text) => Promise.resolve(Int32Array.from(text === '<user>' ? [1, 2] : [3])), true, note)
    expect(notes.map(({ message }) => message)).toEqual([
      '<IMAGE>: expected the released id 126349, got 126350',
      '</IMAGE>: expected the released id 126350, got 126349',
      '<user>: expected one token, got 2',
      expect.stringMatching(/^the unconditional prompt: expected the ids 126332 36289 .* 126335, got 3$/),
    ])
  })
})
