// The command line beside drawing, over a fake addon: inspect, plans, convert, synth, export, doctor.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { dimoo } from './cli-run.js'
import { asked, behaviour, fake, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))

let folder: string
beforeEach(() => {
  reset()
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => path.join(folder, name)

const generate = (...args: string[]) => dimoo(['generate', 'a red circle', '--device', 'cpu', ...args])

describe('other commands', () => {
  test('inspect shows a checkpoint, its plan, and fails on non-finite weights', async () => {
    const report = {
      format: 'gguf',
      architecture: 'lumina-dimoo',
      path: 'm.gguf',
      bytes: 2048,
      settings: { block_count: 2 },
      parameters: 10,
      tensors: ['token_embd.weight', 'vq.quantize.embedding'].map((name) => ({ name, type: 'F32', shape: [4, 2], bytes: 32 })),
      types: { F32: { count: 2, bytes: 64 } },
    }
    behaviour.jobs['inspect'] = ({ verify }) =>
      verify ? { ...report, verify: { ok: false, nonFinite: [{ tensor: 'blk.0', count: 3 }], zeros: [] } } : report
    behaviour.info = { hyper: { context_length: 20 } }
    const { out } = await dimoo(['inspect', '--plan', '--size', '64x32', '--n', '2', '--device', 'cpu'])
    expect(out).toMatch(/10 parameters in 2 tensors: 2 x F32 \(64 B\)/)
    expect(out).toMatch(/token_embd\.weight {2}F32 {2}\[4, 2\]/)
    expect(out).toMatch(/fits:\n {2}weights: 1 B[^]*\nnote: \d+ positions are more than the 20 that the checkpoint was made for/)
    expect(asked.plans.at(-1)).toMatchObject([{ kind: 'image', columns: 8, rows: 4, seeds: { length: 2 } }])
    expect(asked.load.at(-1)).toMatchObject({ use: 'plans' })
    const failed = await dimoo(['inspect', '--verify'])
    expect([failed.code, failed.err]).toEqual([1, expect.stringMatching(/blk\.0 \(3\) \(model\/corrupt\)/)])
    expect(JSON.parse((await dimoo(['inspect', '--json'])).out)).toEqual(report)
  })

  test('--plan says what the very request would need, and does nothing', async () => {
    writeFileSync(
      at('in.png'),
      await sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    )
    const edit = ['edit', 'Make it blue.', '--image', at('in.png'), '--device', 'cpu', '--plan']
    const { code, out } = await dimoo([...edit, '--n', '2', '--cache', '--precision', 'f32'])
    expect([code, out]).toEqual([0, expect.stringMatching(/^fits:\n {2}weights: 1 B\n[^]* {2}available: 100 B\n$/)])
    expect(asked.plans.at(-1)).toMatchObject([{ kind: 'image', prefixes: { length: 3 }, seeds: { length: 2 }, cache: {} }])
    expect(asked.load.at(-1)).toMatchObject({ use: 'plans', precision: 'f32' })
    expect(JSON.parse((await dimoo(['ask', 'What?', '--image', at('in.png'), '--plan', '--json'])).out)).toMatchObject({
      event: 'plan',
      totalBytes: 6,
    })
    expect((await dimoo(['chat', 'Hello', '--length', '24', '--block', '8', '--plan'])).out).toMatch(/^fits:/)
    expect(asked.plans.at(-1)).toMatchObject([{ kind: 'text', length: 24, block: 8 }])
    expect((await dimoo([...edit, '--weights', 'q8_0'])).err).toMatch(/--weights must not be given with --plan/)
    expect((await dimoo(['edit', '--prompts', at('none.txt'), '--plan'])).err).toMatch(/--plan must not be given with --prompts/)
    expect([asked.runs, readdirSync(folder)]).toEqual([[], ['in.png']])
  })

  test('inspect shows how a picture was made', async () => {
    await generate('-o', at('a.png'), '--seed', '3')
    expect((await dimoo(['inspect', at('a.png')])).out).toContain('prompt: a red circle\n')
    expect(JSON.parse((await dimoo(['inspect', at('a.png'), '--json'])).out)).toMatchObject({ seed: '3' })
  })

  test('convert and synth report what they wrote', async () => {
    writeFileSync(at('m.gguf'), '')
    behaviour.jobs['convert'] = () => ({
      tensors: 3,
      bytes: 3 * 1024 ** 2,
      seconds: 1,
      ignored: ['x'],
      fallbacks: [
        { name: 'a', type: 'Q8_0' },
        { name: 'b', type: 'Q8_0' },
      ],
    })
    behaviour.jobs['synth'] = () => ({ tensors: 3, bytes: 100 })
    const { out, err } = await dimoo(['convert', at('m.gguf'), '-o', at('o.gguf'), '--type', 'q4_k'])
    expect(out).toBe(
      `${at('o.gguf')}: 3 tensors, 3.00 MiB, 1.0 s\n2 tensors got another type: 2 x Q8_0\n1 tensors that the model does not use were left out\n`,
    )
    expect(err).toBe('')
    expect((await dimoo(['synth', 'tiny', '-o', at('o.gguf'), '--seed', '4'])).code).toBe(0)
    expect(asked.jobs.at(-1)!.options).toMatchObject({ shape: 'tiny', seed: 4 })
  })

  test('export reports what it wrote; without a source it takes the miniature', async () => {
    behaviour.jobs['export'] = () => ({ tensors: 3, bytes: 2 * 1024 ** 2, files: 2, seconds: 1 })
    const { code, out } = await dimoo(['export', '-o', at('folder'), '--type', 'bf16'])
    expect([code, out]).toEqual([0, `${at('folder')}: 3 tensors in 2 files, 2.00 MiB, 1.0 s\n`])
    const { embeddedModel } = await import('../../lib/model/source.js')
    expect(asked.jobs.at(-1)!.options).toEqual({ source: embeddedModel, output: at('folder'), type: 'bf16' })
  })

  test('doctor tells devices, variants and the miniature', async () => {
    behaviour.jobs['doctor'] = () => ({
      cpu: {
        name: 'Zen',
        features: ['avx2'],
        threads: 2,
        variants: [{ op: 'linear', chosen: 'avx2', available: ['amx', 'avx2', 'portable'] }],
        byName: ['amx'],
      },
      cuda: { built: false, architectures: '' },
      verify: [{ op: 'product', variant: 'avx2', type: 'bf16', relativeError: 0.00123 }],
    })
    const { code, out } = await dimoo(['doctor', '--verify'])
    expect(code).toBe(0)
    expect(out).toMatch(/CUDA: not compiled in/)
    expect(out).toMatch(/avx2 product bf16: 1\.2e-3/)
    expect(out).toMatch(/cpu: usable, fake/)
    expect(out).toMatch(/linear: avx2 \(of amx, avx2, portable\)/)
    expect(out).toMatch(/amx: has never run on real hardware, so it is only used with DIMOO_CPU_VARIANT=amx/)
    expect(out).toMatch(/miniature: .*miniature\.gguf/)
    expect(out).toMatch(/dimoo pull Alpha-VLLM\/Lumina-DiMOO/)
  })
})
