// Files in and out through the addon: our GGUF in Hugging Face's own reader, damaged sources with their codes and words, non-finite
// weights, and picture resizing against the original's.
import { gguf } from '@huggingface/gguf'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binding } from '../../lib/native/binding.js'
import { convert, inspectModel, loadModel, synth } from '../../lib/index.js'
import { golden } from './native.js'

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-files-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
const checkpoint = path.join(golden, 'checkpoint')
const at = (name: string): string => path.join(folder, name)

beforeAll(async () => {
  await convert(checkpoint, at('good.gguf'), { type: 'bf16' })
})

describe("our GGUF in Hugging Face's reader", () => {
  test.each(['f32', 'f16', 'bf16', 'q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0'] as const)('%s', async (type) => {
    await synth('tiny', at(`tiny-${type}.gguf`), { type, seed: 1 })
    const ours = await inspectModel(at(`tiny-${type}.gguf`))
    const theirs = await gguf(at(`tiny-${type}.gguf`), { allowLocalFile: true })
    expect(theirs.metadata['general.architecture']).toBe('lumina-dimoo')
    expect(theirs.metadata.version).toBe(3)
    expect(theirs.tensorInfos.map(({ name, shape }) => [name, shape.map(Number).reverse()])).toEqual(
      ours.tensors.map(({ name, shape }) => [name, shape]),
    )
    const keys = Object.keys(theirs.metadata).filter((key) => key.startsWith('lumina-dimoo.'))
    for (const key of ['context_length', 'embedding_length', 'block_count', 'token.mask', 'image.code_offset', 'vq.block_out_channels']) {
      expect(keys).toContain(`lumina-dimoo.${key}`)
    }
    const { 'general.alignment': alignment = 32 }: Readonly<Record<string, unknown>> = { ...theirs.metadata }
    expect(alignment).toBe(32)
  })
})

/** A copy of the Hugging Face folder with something changed. */
function folderWith(name: string, change: (copy: string) => void): string {
  cpSync(checkpoint, at(name), { recursive: true })
  change(at(name))
  return at(name)
}
function editJson(file: string, change: (json: Record<string, unknown>) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  change(json)
  writeFileSync(file, JSON.stringify(json))
}
/** A copy of the GGUF file with bytes changed. */
function fileWith(name: string, change: (bytes: Buffer) => void): string {
  const bytes = readFileSync(at('good.gguf'))
  change(bytes)
  writeFileSync(at(name), bytes)
  return at(name)
}

describe('bad sources', () => {
  const cases: readonly [string, () => string, string, RegExp][] = [
    ['a path that is not there', () => at('nowhere.gguf'), 'model/not-found', /nowhere\.gguf/],
    ['a folder without config.json', () => (mkdirSync(at('bare')), at('bare')), 'model/not-found', /config\.json/],
    ['an empty file', () => (writeFileSync(at('empty.gguf'), ''), at('empty.gguf')), 'model/corrupt', /empty/],
    ['something else', () => (writeFileSync(at('text.gguf'), 'hello, world'), at('text.gguf')), 'model/corrupt', /magic/],
    ['another version', () => fileWith('v9.gguf', (b) => b.writeUInt32LE(9, 4)), 'model/unsupported', /version 3, got 9/],
    ['absurd counts', () => fileWith('counts.gguf', (b) => b.writeBigUInt64LE(2n ** 60n, 8)), 'model/corrupt', /absurd number of tensors/],
    [
      'a truncated file',
      () => (
        copyFileSync(at('good.gguf'), at('cut.gguf')),
        truncateSync(at('cut.gguf'), statSync(at('good.gguf')).size - 4096),
        at('cut.gguf')
      ),
      'model/corrupt',
      /truncated/,
    ],
    [
      'a cut header',
      () => (copyFileSync(at('good.gguf'), at('head.gguf')), truncateSync(at('head.gguf'), 700), at('head.gguf')),
      'model/corrupt',
      /truncated|absurd/,
    ],
    [
      'another architecture',
      () => fileWith('arch.gguf', (b) => b.write('lumina-dimop', b.indexOf('lumina-dimoo'))),
      'model/unsupported',
      /expected lumina-dimoo or llada, got lumina-dimop/,
    ],
    [
      'bad JSON',
      () => folderWith('json', (f) => writeFileSync(path.join(f, 'config.json'), '{"d_model": 64,')),
      'model/corrupt',
      /config\.json.*byte/,
    ],
    [
      'biases',
      () => folderWith('bias', (f) => editJson(path.join(f, 'config.json'), (c) => (c.include_bias = true))),
      'model/unsupported',
      /include_bias: expected false, got true/,
    ],
    [
      'another mask id',
      () => folderWith('mask', (f) => editJson(path.join(f, 'config.json'), (c) => (c.mask_token_id = 5))),
      'model/unsupported',
      /mask_token_id/,
    ],
    [
      'another width',
      () => folderWith('width', (f) => editJson(path.join(f, 'config.json'), (c) => (c.mlp_hidden_size = 96))),
      'model/corrupt',
      /blk\.0\.ffn_gate\.weight.*blk\.2\.ffn_down\.weight/,
    ],
    [
      'a codebook of another size',
      () => folderWith('codes', (f) => editJson(path.join(f, 'vqvae/config.json'), (c) => (c.num_vq_embeddings = 32))),
      'model/unsupported',
      /tokenizer's last id/,
    ],
    ['no tokenizer', () => folderWith('untold', (f) => rmSync(path.join(f, 'tokenizer.json'))), 'model/corrupt', /tokenizer\.json/],
    [
      'a missing shard',
      () =>
        folderWith('shard', (f) =>
          rmSync(
            path.join(
              f,
              readdirSync(f).find((name) => name.startsWith('model-'))!,
            ),
          ),
        ),
      'model/not-found',
      /model-/,
    ],
    ['a hub reference', () => 'Alpha-VLLM/Lumina-DiMOO', 'request/invalid', /hub|not in this release/i],
  ]
  test.each(cases)('%s', async (_, source, code, words) => {
    const path = source()
    await expect(loadModel(path)).rejects.toMatchObject({ code, message: expect.stringMatching(words) as string })
    await expect(convert(path, at('out.gguf'))).rejects.toMatchObject({ code })
    expect(readdirSync(folder).filter((name) => name.startsWith('out.gguf'))).toEqual([])
  })
})

describe('non-finite weights', () => {
  let file = ''
  beforeAll(async () => {
    const { tensors } = await inspectModel(at('good.gguf'))
    const bytes = readFileSync(at('good.gguf'))
    // The data of blk.1.attn_norm.weight (f32): found by its neighbours' order and sizes, from the end of the file.
    const from = tensors.findIndex(({ name }) => name === 'blk.1.attn_norm.weight')
    const after = tensors.slice(from).reduce((sum, tensor) => sum + Math.ceil(tensor.bytes / 32) * 32, 0)
    bytes.writeFloatLE(NaN, bytes.length - after + 8)
    file = at('nan.gguf')
    writeFileSync(file, bytes)
  })

  test('found at run time, the layer is named, the model lives', async () => {
    const model = await loadModel(file, { precision: 'f32' })
    const run = model.generate({ prompt: 'x', width: 64, height: 64, steps: 2 })
    await expect(run.result()).rejects.toMatchObject({ code: 'model/corrupt', message: expect.stringMatching(/block1/) as string })
    await expect(model.generate({ prompt: 'x', width: 64, height: 64, steps: 2 }).result()).rejects.toMatchObject({ code: 'model/corrupt' })
    await model.close()
  })
  test('found by verify and by convert', async () => {
    await expect(loadModel(file, { verify: 'full' })).rejects.toMatchObject({
      code: 'model/corrupt',
      message: expect.stringMatching(/blk\.1\.attn_norm/) as string,
    })
    expect((await inspectModel(file, { verify: true })).verify).toEqual({
      ok: false,
      nonFinite: [{ tensor: 'blk.1.attn_norm.weight', count: 1 }],
      zeros: [],
    })
    await expect(convert(file, at('nan-out.gguf'))).rejects.toMatchObject({ code: 'model/corrupt' })
  })
})

test('outputs that cannot be written', async () => {
  await expect(convert(checkpoint, '/nowhere/x.gguf')).rejects.toMatchObject({ code: 'output/failed' })
  await expect(convert(at('good.gguf'), at('good.gguf'))).rejects.toMatchObject({
    code: expect.stringMatching(/request\/invalid|output\/failed/) as string,
  })
  await expect(synth('tiny', '/dev/full/x.gguf')).rejects.toMatchObject({ code: 'output/failed' })
})

test('synth is the same file for the same seed, and runs', async () => {
  await synth('tiny', at('a.gguf'), { type: 'q8_0', seed: 5 })
  await synth('tiny', at('b.gguf'), { type: 'q8_0', seed: 5 })
  await synth('tiny', at('c.gguf'), { type: 'q8_0', seed: 6 })
  expect(readFileSync(at('a.gguf')).equals(readFileSync(at('b.gguf')))).toBe(true)
  expect(readFileSync(at('a.gguf')).equals(readFileSync(at('c.gguf')))).toBe(false)
  for (const type of ['f32', 'f16', 'bf16', 'q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0']) {
    const model = await loadModel(at(`tiny-${type}.gguf`))
    const { image } = await model.generate({ prompt: 'a', width: 32, height: 32, steps: 2, seed: 1 }).result()
    expect(image.data.length).toBe(32 * 32 * 3)
    await model.close()
  }
})

interface Resize {
  readonly input: string
  readonly output: string
  readonly output_size: readonly [number, number]
}
const resizes = (JSON.parse(readFileSync(path.join(golden, 'image_pre.json'), 'utf8')) as { vae_resize: Resize[] }).vae_resize

test.each(resizes)('$input resized as the original does, bit for bit', async ({ input, output, output_size: [width, height] }) => {
  const { data, info } = await sharp(path.join(golden, input)).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const expected = await sharp(path.join(golden, output)).removeAlpha().raw().toBuffer()
  const pixels = await binding().resize(data, 3, info.width, info.height, width, height, 'lanczos').promise
  expect(Buffer.from(pixels).equals(expected)).toBe(true)
})
