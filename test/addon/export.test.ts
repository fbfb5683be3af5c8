// A file that went out as a folder and came back is the same model: the same fingerprint, the same pictures.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { convert, exportModel, inspectModel, loadModel } from '../../lib/index.js'
import { embeddedModel } from '../../lib/model/source.js'

let folder: string
const at = (name: string): string => path.join(folder, name)
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-export-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('the miniature as a folder, and that folder as a file again', async () => {
  const phases: string[] = []
  const report = await exportModel(undefined, at('miniature'), { onProgress: ({ phase }) => phases.push(phase) })
  expect(new Set(phases)).toEqual(new Set(['export']))
  expect(readdirSync(at('miniature')).sort()).toEqual([
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'vqvae',
  ])
  const { tensors } = await inspectModel(embeddedModel)
  expect(report).toMatchObject({ tensors: tensors.filter(({ name }) => name !== 'vq.preview').length, files: 2 })
  await convert(at('miniature'), at('again.gguf'))
  const models = await Promise.all([embeddedModel, at('miniature'), at('again.gguf')].map((source) => loadModel(source, { device: 'cpu' })))
  const [own, exported, again] = await Promise.all(models.map((model) => model.info()))
  expect(again!.sha256).toBe(own!.sha256)
  expect(exported!.defaults).toEqual(own!.defaults)
  expect(own!.defaults.image).toBeDefined()
  const drawn = await Promise.all(models.map((model) => model.generate({ prompt: 'a red circle', seed: 3, steps: 6 }).result()))
  for (const { tokens } of drawn) expect(tokens).toEqual(drawn[0]!.tokens)
  await Promise.all(models.map((model) => model.close()))
}, 120_000)

test('what is there already is not written over', async () => {
  const before = readFileSync(at('miniature/config.json'))
  await expect(exportModel(undefined, at('miniature'))).rejects.toMatchObject({ code: 'output/failed' })
  expect(readFileSync(at('miniature/config.json'))).toEqual(before)
})

test('an abort leaves nothing', async () => {
  await expect(exportModel(undefined, at('aborted'), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  expect(readdirSync(folder).filter((name) => name.startsWith('aborted'))).toEqual([])
})
