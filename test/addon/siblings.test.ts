// Checkpoints beside the released one: GGUF files in several parts, LLaDA's folders (text only), and models of the family that lack a part.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert, inspectModel, loadModel, planMemory, type DimooModel } from '../../lib/index.js'
import { writeLlada } from '../lib/checkpoints.js'
import { splitGguf } from '../lib/split-gguf.js'
import { golden } from './native.js'

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-siblings-'))
afterAll(() => rmSync(folder, { recursive: true }))
const checkpoint = path.join(golden, 'checkpoint')
const at = (name: string): string => path.join(folder, name)
const draw = async (source: string): Promise<Int32Array> => {
  const model = await loadModel(source, { precision: 'f32' })
  const { tokens } = await model.generate({ prompt: 'x', width: 32, height: 32, steps: 2, temperature: 0, seed: 1 }).result()
  await model.close()
  return Int32Array.from(tokens)
}

describe('a GGUF file in parts', () => {
  beforeAll(async () => {
    await convert(checkpoint, at('whole.gguf'), { type: 'bf16' })
  })

  test.each([1, 2, 3, 7])('%i parts are the same model', async (count) => {
    const [first] = splitGguf(at('whole.gguf'), at(`split${count}`), count)
    expect(await draw(first!)).toEqual(await draw(at('whole.gguf')))
    const [one, all] = [await inspectModel(first), await inspectModel(at('whole.gguf'))]
    expect(one.tensors.map(({ name }) => name)).toEqual(all.tensors.map(({ name }) => name))
    await convert(first!, at('joined.gguf'), { type: 'bf16' })
    expect((await inspectModel(at('joined.gguf'))).parameters).toBe(all.parameters)
  })

  test('what is wrong with the parts is said', async () => {
    const parts = splitGguf(at('whole.gguf'), at('bad'), 3) as [string, string, string]
    await expect(inspectModel(parts[1])).rejects.toMatchObject({
      code: 'model/unsupported',
      message: expect.stringMatching(/expected the first of 3 files, whose name ends in -00001-of-00003\.gguf, got file 2/) as string,
    })
    renameSync(parts[2], at('aside'))
    await expect(inspectModel(parts[0])).rejects.toMatchObject({
      code: 'model/corrupt',
      message: expect.stringMatching(/file 3 of 3 is missing: expected .*bad-00003-of-00003\.gguf/) as string,
    })
    cpSync(parts[1], parts[2])
    await expect(inspectModel(parts[0])).rejects.toMatchObject({
      code: 'model/corrupt',
      message: expect.stringMatching(/bad-00003-of-00003\.gguf: expected file 3 of 3, got 2 of 3/) as string,
    })
    renameSync(parts[0], at('renamed.gguf'))
    await expect(inspectModel(at('renamed.gguf'))).rejects.toMatchObject({ code: 'model/unsupported' })
  })

  test('tensors that no part has are missed', async () => {
    const parts = splitGguf(at('whole.gguf'), at('lost'), 2) as [string, string]
    const bytes = readFileSync(parts[0])
    const key = bytes.indexOf('split.tensors.count') + 'split.tensors.count'.length + 4
    bytes.writeInt32LE(bytes.readInt32LE(key) + 1, key)
    writeFileSync(parts[0], bytes)
    await expect(inspectModel(parts[0])).rejects.toMatchObject({
      message: expect.stringMatching(/expected \d+ tensors in 2 files, got \d+/) as string,
    })
  })
})

describe.each(['LLaDA-8B-Instruct', 'LLaDA-1.5'])('%s', (name) => {
  let model: DimooModel
  beforeAll(async () => {
    mkdirSync(at(name), { recursive: true })
    writeLlada(at(name))
    model = await loadModel(at(name), { precision: 'f32' })
  })
  afterAll(() => model.close())

  test('loads from its folder and chats', async () => {
    expect(await model.info()).toMatchObject({ architecture: 'llada', format: 'safetensors', codebookSize: 0, weights: 'bf16' })
    const { text, usage } = await model
      .chat({ messages: [{ role: 'user', content: 'hello' }], length: 8, block: 8, steps: 4, seed: 1 })
      .result()
    expect(typeof text).toBe('string')
    expect(usage.steps).toBe(4)
  })

  test('draws nothing, and says why', async () => {
    expect(() => model.generate({ prompt: 'x' })).toThrow(
      /expected a model with image codes, got LLaDA-.* \(llada\), which answers in text only/,
    )
    await expect(planMemory(at(name), [{ task: 'generate', request: { prompt: 'x' } }])).rejects.toThrow(
      /expected a model with image codes, got LLaDA-.* \(llada\), which answers in text only/,
    )
    const request = { messages: [{ role: 'user', content: 'hello' }], length: 64, block: 32 } as const
    const plan = await planMemory(at(name), [{ task: 'chat', request }], { precision: 'f32' })
    expect(plan).toEqual({ ...(await model.plan('chat', request)), availableBytes: expect.any(Number) as number })
    expect(plan.vqBytes).toBe(0)
  })

  test('becomes one GGUF file that answers the same', async () => {
    await convert(at(name), at(`${name}.gguf`), { type: 'bf16' })
    const converted = await loadModel(at(`${name}.gguf`), { precision: 'f32' })
    const request = { messages: [{ role: 'user' as const, content: 'hello' }], length: 8, block: 8, steps: 8, temperature: 0 }
    const [ours, theirs] = await Promise.all([converted.chat(request).result(), model.chat(request).result()])
    expect(ours.text).toBe(theirs.text)
    await converted.close()
    await convert(at(name), at(`${name}-q8.gguf`), { type: 'q8_0' })
    expect((await inspectModel(at(`${name}-q8.gguf`))).types).toHaveProperty('q8_0')
  })
})

describe('a model of the family that lacks a part', () => {
  const copy = (name: string): string => {
    cpSync(checkpoint, at(name), { recursive: true })
    return at(name)
  }

  test('its image tokenizer: which one to take', async () => {
    const source = copy('no-vq')
    rmSync(path.join(source, 'vqvae'), { recursive: true })
    await expect(loadModel(source)).rejects.toMatchObject({
      code: 'model/corrupt',
      message: expect.stringMatching(
        /expected vqvae\/config\.json and vqvae\/diffusion_pytorch_model\.safetensors, got no vqvae; .*Alpha-VLLM\/Lumina-DiMOO/,
      ) as string,
    })
  })

  test('MMaDA-Parallel-A, with its further settings: draws and edits', async () => {
    const source = copy('parallel')
    const config = JSON.parse(readFileSync(path.join(source, 'config.json'), 'utf8')) as object
    writeFileSync(
      path.join(source, 'config.json'),
      JSON.stringify({ ...config, text_vocab_size: 603, codebook_size: 64, new_vocab_size: 667 }),
    )
    expect(await draw(source)).toEqual(await draw(checkpoint))
  })

  test('MMaDA-8B: another image tokenizer, said by name', async () => {
    const source = copy('mmada')
    const config = JSON.parse(readFileSync(path.join(source, 'config.json'), 'utf8')) as object
    writeFileSync(path.join(source, 'config.json'), JSON.stringify({ ...config, model_type: 'mmada', architectures: ['MMadaModelLM'] }))
    await expect(loadModel(source)).rejects.toMatchObject({
      code: 'model/unsupported',
      message: expect.stringMatching(/model_type.*llada.*mmada/) as string,
    })
  })

  test('LLaDA with a tensor that the transformer would leave out', async () => {
    const source = at('biased')
    mkdirSync(source)
    writeLlada(source, { extra: 'model.transformer.blocks.0.q_proj.bias' })
    await expect(loadModel(source)).rejects.toMatchObject({ code: 'model/unsupported' })
    unlinkSync(path.join(source, 'model.safetensors'))
    await expect(loadModel(source)).rejects.toMatchObject({ code: expect.stringMatching(/^model\//) as string })
  })
})
