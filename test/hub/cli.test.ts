// `dimoo pull`, `list`, `remove`, and models named `hf:...` in other commands and in the API, over a checkpoint of the released layout.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { convert, DimooError, inspectModel, loadModel, planMemory, type Progress } from '../../lib/index.js'
import { dimoo } from '../lib/cli-run.js'
import { checkpointFiles } from './checkpoint.js'
import { COMMIT } from './fake-hub.js'
import { snapshot, useWorld } from './world.js'

const world = useWorld(checkpointFiles())
beforeEach(() => {
  vi.stubEnv('HF_ENDPOINT', world.hub.endpoint)
  vi.stubEnv('HF_HUB_CACHE', world.cache)
  vi.stubEnv('DIMOO_CACHE', path.join(world.cache, 'converted'))
})

test('pull says what came, what did not, and ends with a look at the model', async () => {
  const { code, out, err } = await dimoo(['pull', 'o/r'])
  expect(code).toBe(0)
  const lines = out.trim().split('\n')
  expect(lines[0]).toMatch(/^12 files, 2\.\d+ MiB, 2\.\d+ MiB fetched in \d+\.\d s$/)
  expect(lines[1]).toBe('left out, because loading one would run code: training_args.bin')
  expect(lines[2]).toBe(`${snapshot(world.cache)}: lumina-dimoo, safetensors, 2.27 MiB`)
  expect(lines[3]).toMatch(/^note: released: not the released checkpoint/)
  expect(lines[4]).toBe('whole and sound')
  expect(lines[5]).toMatch(/^memory: .* bf16 2\.\d\d MiB, q8_0/)
  expect(lines[6]).toMatch(/^speed: about .* a step of 1024x1024 on this CPU/)
  expect(lines[7]).toBe('next: dimoo generate "a lighthouse at dusk" -o out.png --model hf:o/r')
  // Off a terminal a line a second at most: none where it was over before.
  for (const line of err.split('\n').filter(Boolean)) expect(line).toMatch(/download \d+ % \(.* of 2\.\d+ MiB\)/)
  const again = await dimoo(['pull', 'o/r', '--no-verify'])
  expect(again.out).toBe(`12 files, 2.28 MiB, all there already\n${lines[1]!}\n${snapshot(world.cache)}\n`)
})

test('faults of a checkpoint that came as the hub has it are said, and are no failure of the pull', async () => {
  world.hub.files = checkpointFiles().filter((file) => !file.path.startsWith('vqvae/'))
  const { code, out } = await dimoo(['pull', 'o/r'])
  expect(code).toBe(0)
  expect(out).toMatch(/^fault: layout: .*expected vqvae\/config\.json/m)
})

test('verify: hashes, and what to do about a wrong one', async () => {
  await dimoo(['pull', 'o/r', '--no-verify'])
  const good = await dimoo(['verify', 'hf:o/r', '--no-speed'])
  expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/^whole and sound; its hashes are those of the hub$/m) as string })
  const file = path.join(snapshot(world.cache), 'vqvae/diffusion_pytorch_model.safetensors')
  const bytes = readFileSync(file)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(file, bytes)
  const bad = await dimoo(['verify', 'hf:o/r', '--no-speed'])
  expect(bad.code).toBe(1)
  expect(bad.out).toMatch(/^fault: hashes: vqvae\/diffusion_pytorch_model\.safetensors: expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}$/m)
  expect(bad.out).toMatch(/^next: dimoo remove o\/r && dimoo pull o\/r$/m)
  expect(bad.err).toMatch(/dimoo: .*: one fault, the first: .* \(model\/corrupt\)\n$/)
  const report = JSON.parse((await dimoo(['verify', 'hf:o/r', '--no-speed', '--no-hashes', '--json'])).out) as object
  expect(report).toMatchObject({ ok: true, hashed: false })
})

test('doctor --model', async () => {
  const { code, out } = await dimoo(['doctor', '--model', 'hf:o/r'])
  expect(code).toBe(0)
  expect(out).toMatch(/^lumina-dimoo [\s\S]*^whole and sound; its hashes/m)
})

test('pull --json: events, the last one the result', async () => {
  const { out } = await dimoo(['pull', 'o/r@v1', '--include', '*.json', '--json'])
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(events[0]).toMatchObject({ event: 'progress', phase: 'download' })
  expect(events.at(-1)).toMatchObject({ event: 'result', repo: 'o/r', revision: 'v1', commit: COMMIT })
})

test('what goes wrong is one line and an exit code', async () => {
  expect(await dimoo(['pull', 'o/none'])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^dimoo: hf:o\/none: no such repository.* \(model\/not-found\)\n$/) as string,
  })
  expect(await dimoo(['pull', 'none'])).toMatchObject({ code: 2 })
  expect(await dimoo(['pull', 'o/r', '--offline'])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/HF_HUB_OFFLINE.*\(hub\/unavailable\)\n$/) as string,
  })
})

test('list and remove', async () => {
  expect((await dimoo(['list'])).out).toBe('no models in the cache\n')
  await dimoo(['pull', 'o/r', '--no-verify'])
  const { out } = await dimoo(['list'])
  expect(out).toBe(`o/r@main  2.28 MiB, 12 files\n  safetensors\n  ${snapshot(world.cache)}\n`)
  expect(JSON.parse((await dimoo(['list', '--json'])).out)).toMatchObject({ repo: 'o/r', refs: ['main'] })
  expect((await dimoo(['remove', 'o/r'])).out).toBe('o/r: 1 revision, 2.28 MiB freed\n')
  expect(await dimoo(['remove', 'o/r'])).toMatchObject({ code: 1 })
})

describe('hf:owner/repo', () => {
  test('draws, and fetches only what a model needs', async () => {
    const out = path.join(world.cache, 'out.png')
    const args = ['generate', 'a red circle', '--model', 'hf:o/r', '--size', '64x64', '--steps', '2', '-o', out]
    const { code } = await dimoo(args)
    expect(code).toBe(0)
    expect(existsSync(out)).toBe(true)
    expect(existsSync(path.join(snapshot(world.cache), 'README.md'))).toBe(false)
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect((await dimoo(args)).code).toBe(0)
  })

  test('in every call that takes a model', async () => {
    const told: Progress[] = []
    const model = await loadModel('hf:o/r', { onProgress: (progress) => told.push(progress) })
    await model.close()
    expect(told.map(({ phase }) => phase)).toContain('download')
    expect((await inspectModel('hf:o/r')).format).toBe('safetensors')
    expect((await planMemory('hf:o/r', [{ task: 'generate', request: { prompt: 'x' } }])).totalBytes).toBeGreaterThan(0)
    const file = path.join(world.cache, 'x.gguf')
    await convert('hf:o/r@v1', file, { type: 'q8_0' })
    world.hub.files = [
      { path: 'x.gguf', bytes: readFileSync(file) },
      { path: 'README.md', bytes: Buffer.alloc(1), git: true },
    ]
    world.hub.commit = COMMIT.replace('1', '2')
    for (const name of ['hf:o/r', 'hf:o/r/x.gguf']) expect((await inspectModel(name)).format).toBe('gguf')
    world.hub.files = [...world.hub.files, { path: 'y.gguf', bytes: Buffer.alloc(1) }]
    world.hub.commit = COMMIT.replace('1', '3')
    await expect(loadModel('hf:o/r')).rejects.toMatchObject({
      code: 'request/invalid',
      message: 'hf:o/r: expected the name of one of its files after it, such as hf:o/r/x.gguf, got none of x.gguf, y.gguf',
    })
  })

  test('a hub that is down is worth a word', async () => {
    await (await loadModel('hf:o/r')).close()
    await world.hub.stop()
    const warn = vi.fn()
    const silent = vi.fn()
    await (await loadModel('hf:o/r', { logger: { warn, info: silent, debug: silent, error: silent } })).close()
    expect(warn).toHaveBeenCalledWith({ source: 'hf:o/r', commit: COMMIT }, expect.stringMatching(/did not answer; using commit c0ffee/))
  })

  test('an abort ends the download', async () => {
    world.hub.pace = { chunk: 10_000, ms: 50 }
    const controller = new AbortController()
    const loading = loadModel('hf:o/r', { signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) })
    await expect(loading).rejects.toThrow('enough')
    expect(DimooError.is(await loading.catch((error: unknown) => error))).toBe(false)
  })

  test('owner/repo alone is no path, and is told how to be one', async () => {
    writeFileSync(path.join(world.cache, 'x'), '')
    await expect(loadModel('Alpha-VLLM/Lumina-DiMOO')).rejects.toMatchObject({
      code: 'request/invalid',
      message: expect.stringContaining("'hf:Alpha-VLLM/Lumina-DiMOO'") as string,
    })
  })
})
