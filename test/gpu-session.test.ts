// scripts/gpu-session and scripts/gpu-report with stand-ins: an nvidia-smi that names a GPU, and binaries that print what a device would, or
// sleep, or fail. A second of the session's limits is a tenth of one here.
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const PIECES = 10

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dimoo-gpu-session-'))
  stand('bin/nvidia-smi', 'case "$*" in *compute_cap*) echo 9.0;; *query*) echo "NVIDIA H100 80GB HBM3";; *) echo table;; esac')
  stand('bin/python3', 'exit 1')
  for (const tests of ['arithmetic', 'ops', 'variants', 'passes'])
    stand(`build/bin/cuda_${tests}_test`, `echo ${tests} >> ${folder}/ran; echo "ok cuda_${tests}"`)
  stand(
    'build/bin/gpu_bench',
    `case $1 in
synth) sleep 0.2; echo made > "$3";;
model) [ -f "$2" ] || exit 1; echo '{"device": "H100", "exact": {"fullStepSeconds": 0.3}}';;
switches) echo '${JSON.stringify({
      device: 'H100',
      list: [
        { switch: 'queries', shape: 'a', seconds: { default: 2, 'queries=tall': 1.5 } },
        { switch: 'warps', shape: 'a', seconds: { default: 1, 'warps=narrow': 1.2 } },
        { switch: 'warps', shape: 'b', seconds: { default: 1, 'warps=narrow': 0.9 } },
        { switch: 'stages', shape: 'a', seconds: { 'stages=4': 1, 'stages=3': 1.01 } },
      ],
    })}';;
ops) echo '{"device": "H100", "products": [{"tflops": 400.5}]}';;
esac`,
  )
  writeFileSync(path.join(folder, 'build/COMMIT'), 'abc1234\n')
})
afterEach(() => rmSync(folder, { recursive: true }))

function stand(name: string, body: string): void {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/bash\n${body}\n`)
  chmodSync(file, 0o755)
}

interface Ended {
  code: number
  text: string
}
function run(script: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const variables = {
    ...process.env,
    PATH: `${folder}/bin:/usr/bin:/bin`,
    DIMOO_SESSION_WORK: path.join(folder, 'work'),
    DIMOO_SESSION_UNIT: '100',
    DIMOO_NODE: '',
    ...env,
  }
  return new Promise((resolve) => {
    execFile(path.join(root, 'scripts', script), args, { env: variables }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr })
    })
  })
}
const session = (env: Record<string, string> = {}): Promise<Ended> =>
  run('gpu-session', [path.join(folder, 'out'), path.join(folder, 'build')], { DIMOO_SESSION_SECONDS: '2000', ...env })
const report = (): Promise<Ended> =>
  new Promise((resolve) => {
    const args = [path.join(folder, 'out/gpu-session.tar'), '--into', path.join(folder, 'results')]
    execFile(process.execPath, [path.join(root, 'scripts/gpu-report'), ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, text: stdout + stderr })
    })
  })
const result = (piece: string): string => readFileSync(path.join(folder, 'work/pieces', `${piece}.result`), 'utf8').trim()
const figures = (): Record<string, unknown> =>
  JSON.parse(readFileSync(path.join(folder, 'results/gpu-h100.json'), 'utf8')) as Record<string, unknown>

describe('a session on a machine with a GPU', () => {
  test('runs every piece once, packs after each, ends in ten lines, and is reported', { timeout: 60_000 }, async () => {
    const { code, text } = await session()
    expect(text).toContain('bf16 picture: exact step 0.3 s')
    expect(code, text).toBe(0)
    expect(text.split('\n').slice(-11, -1)).toHaveLength(PIECES)
    expect(text).toContain('0 failed')
    expect(result('ops-test')).toBe('passed')
    expect(result('racecheck.cuda_projections')).toBe('skipped')
    expect(readFileSync(path.join(folder, 'ran'), 'utf8').trim().split('\n')).toEqual(['ops', 'variants', 'passes', 'arithmetic'])
    expect((await session()).code).toBe(0) // nothing is left to run
    expect(readFileSync(path.join(folder, 'ran'), 'utf8').trim().split('\n')).toHaveLength(4)

    const told = await report()
    expect(told.code, told.text).toBe(0)
    expect(told.text).toContain('queries: queries=tall wins against default (time -25.0 %)')
    expect(told.text).toContain('warps: warps=narrow loses against default (time 3.9 %)')
    expect(told.text).toContain('stages: stages=3 no difference against stages=4')
    expect(figures()).toMatchObject({ device: 'NVIDIA H100 80GB HBM3', commit: 'abc1234', bf16: { device: 'H100' }, picture1024: null })
    expect(Object.keys(figures())).toEqual(
      expect.arrayContaining(['device', 'commit', 'tests', 'reference', 'ops', 'bf16', 'q4_k', 'picture1024', 'picture1024Q4']),
    )
  })

  test('a piece that takes too long, one that fails and one without a device are told apart', { timeout: 60_000 }, async () => {
    stand('build/bin/cuda_ops_test', 'sleep 30')
    stand('build/bin/cuda_passes_test', 'echo "not ok cuda_passes: other bits"; exit 1')
    stand('build/bin/cuda_variants_test', 'echo "skipped cuda_variants: cuda:0: no-driver"')
    stand('build/bin/gpu_bench', `echo '{"device": null, "skipped": "no usable GPU"}'`)
    const { code, text } = await session({ DIMOO_SESSION_PIECES: 'ops-test variants-test passes-test ops' })
    expect(code).toBe(1)
    expect(['ops-test', 'variants-test', 'passes-test', 'ops'].map(result)).toEqual(['timed out', 'skipped', 'failed', 'failed'])
    expect(text).toContain('not ok cuda_passes: other bits')
    expect(text).toContain('not passed: ops ops-test passes-test')
    expect((await report()).code).toBe(1)
    expect(figures()).toMatchObject({ ops: null, tests: { passed: 0, failed: 2, skipped: 1, timedOut: 1 } })
  })

  test('a profiler that saw no kernel has failed, one that may not look is skipped, and logs stay short', { timeout: 60_000 }, async () => {
    stand('build/bin/cuda_ops_test', 'seq 500000; echo "ok cuda_ops"')
    stand(
      'bin/ncu',
      'case "$*" in *product_mma*) echo "==WARNING== No kernels were profiled.";; *) echo "==ERROR== ERR_NVGPUCTRPERM"; exit 1;; esac',
    )
    const pieces = ['ops-test', 'ncu-products', 'ncu-attention']
    const { code, text } = await session({ DIMOO_SESSION_PIECES: pieces.join(' ') })
    expect(code, text).toBe(1)
    expect(pieces.map(result)).toEqual(['passed', 'failed', 'skipped'])
    expect(text).toContain('ncu-products: no kernel was profiled')
    expect(text).toContain("skipped ncu-attention: this user may not read the GPU's counters")
    const log = readFileSync(path.join(folder, 'work/pieces/ops-test.log'), 'utf8')
    expect(log.length).toBeLessThan(600_000)
    expect(log).toMatch(/^1\n2\n[^]*bytes left out[^]*\n500000\nok cuda_ops\n$/)

    rmSync(path.join(folder, 'work'), { recursive: true })
    rmSync(path.join(folder, 'out'), { recursive: true })
    stand('bin/ncu', 'echo "    Section: GPU Speed Of Light Throughput"')
    expect((await session({ DIMOO_SESSION_PIECES: 'ncu-products' })).code).toBe(0)
    expect(result('ncu-products')).toBe('passed')
  })

  test('the end of a call leaves pieces for the next, on another machine too', { timeout: 60_000 }, async () => {
    stand('build/bin/cuda_passes_test', `echo passes >> ${folder}/ran; [ -f ${folder}/fast ] || sleep 30; echo "ok cuda_passes"`)
    const pieces = { DIMOO_SESSION_PIECES: 'ops-test passes-test arithmetic-test', DIMOO_SESSION_SECONDS: '50' }
    const first = await session(pieces)
    expect(first.code, first.text).toBe(3)
    expect(first.text).toContain('call again: 2 pieces left') // the one that was cut, and the one behind it
    expect(existsSync(path.join(folder, 'work/pieces/passes-test.result'))).toBe(false)

    rmSync(path.join(folder, 'work'), { recursive: true }) // a fresh machine: only the tar came along
    writeFileSync(path.join(folder, 'fast'), '')
    const second = await session({ ...pieces, DIMOO_SESSION_SECONDS: '2000' })
    expect(second.code, second.text).toBe(0)
    expect(['ops-test', 'passes-test', 'arithmetic-test'].map(result)).toEqual(['passed', 'passed', 'passed'])
    expect(readFileSync(path.join(folder, 'ran'), 'utf8').trim().split('\n')).toEqual(['ops', 'passes', 'passes', 'arithmetic'])
  })

  test('results of other binaries are put aside, not carried on', { timeout: 60_000 }, async () => {
    const pieces = { DIMOO_SESSION_PIECES: 'ops-test' }
    expect((await session(pieces)).code).toBe(0)
    stand('build/bin/cuda_ops_test', `echo ops >> ${folder}/ran; echo "not ok cuda_ops: worse"; exit 1`)
    const { code, text } = await session(pieces)
    expect(code).toBe(1)
    expect(text).toContain('earlier results are of NVIDIA H100 80GB HBM3, commit abc1234')
    expect(result('ops-test')).toBe('failed')
    expect(existsSync(path.join(folder, 'out/gpu-session-before.tar'))).toBe(true)
    rmSync(path.join(folder, 'work'), { recursive: true }) // the tar knows too whose results it holds
    stand('bin/nvidia-smi', 'case "$*" in *compute_cap*) echo 8.9;; *query*) echo "NVIDIA L40"; echo "NVIDIA L40";; esac')
    expect((await session(pieces)).text).toContain('begins anew')
    expect(readFileSync(path.join(folder, 'ran'), 'utf8').trim().split('\n')).toHaveLength(3)
    expect(existsSync(path.join(folder, 'work/gpu-l40.json'))).toBe(true)
  })

  test('a model in the making is not packed, and goes with the call that makes it', { timeout: 60_000 }, async () => {
    stand(
      'build/bin/gpu_bench',
      `[ $1 = synth ] || exit 1; echo $$ > ${folder}/maker; echo half > "$3"; echo half > "$3.part-$$-0"; touch ${folder}/begun; exec sleep 30`,
    )
    stand('build/bin/cuda_ops_test', `until [ -f ${folder}/begun ]; do sleep 0.05; done; echo "ok cuda_ops"`)
    const { code, text } = await session({ DIMOO_SESSION_PIECES: 'ops-test model-bf16', DIMOO_SESSION_SECONDS: '70' })
    expect(code, text).toBe(3)
    expect(result('ops-test')).toBe('passed')
    const names = execFileSync('tar', ['-tf', path.join(folder, 'out/gpu-session.tar')], { encoding: 'utf8' })
    expect(names).toContain('pieces/ops-test.result')
    expect(names).not.toContain('.gguf')
    const maker = Number(readFileSync(path.join(folder, 'maker'), 'utf8'))
    await expect.poll(() => existsSync(`/proc/${maker}`), { timeout: 10_000 }).toBe(false)
    await expect.poll(() => readdirSync(path.join(folder, 'work')).filter((name) => name.includes('gguf')), { timeout: 10_000 }).toEqual([])
  })

  test('a model that cannot be made is told at once', { timeout: 60_000 }, async () => {
    stand('build/bin/gpu_bench', '[ $1 = synth ] || exit 1; echo "gpu_bench: no space left" >&2; exit 1')
    const { code, text } = await session({ DIMOO_SESSION_PIECES: 'model-bf16' })
    expect(code, text).toBe(1)
    expect(result('model-bf16')).toBe('failed')
    expect(text).toContain('gpu_bench: no space left')
  })

  test('a piece that was cut short twice has timed out', { timeout: 60_000 }, async () => {
    stand('build/bin/cuda_passes_test', 'sleep 30')
    const pieces = { DIMOO_SESSION_PIECES: 'passes-test', DIMOO_SESSION_SECONDS: '50' }
    expect((await session(pieces)).code).toBe(3)
    expect((await session(pieces)).code).toBe(1)
    expect(result('passes-test')).toBe('timed out')
  })
})

test('a machine without a GPU is told, and is no result', async () => {
  stand('bin/nvidia-smi', 'exit 9')
  const { code, text } = await session()
  expect(code).toBe(4)
  expect(text).toContain('skipped: no NVIDIA GPU or driver here')
  const check = await run('gpu-check', [path.join(folder, 'out')])
  expect(check.code).toBe(0)
  expect(JSON.parse(readFileSync(path.join(folder, 'out/gpu.json'), 'utf8'))).toMatchObject({ device: null })
})

test('gpu-check ends with the figures of all pieces', { timeout: 60_000 }, async () => {
  const { code, text } = await run('gpu-check', [path.join(folder, 'out'), path.join(folder, 'build')], { DIMOO_CHECK_SECONDS: '2000' })
  expect(code, text).toBe(0)
  expect(JSON.parse(readFileSync(path.join(folder, 'out/gpu-h100.json'), 'utf8'))).toMatchObject({ tests: { failed: 0, left: 0 } })
})

test('binaries that were not built are asked for by name', async () => {
  rmSync(path.join(folder, 'build'), { recursive: true })
  const { code, text } = await session()
  expect(code).toBe(1)
  expect(text).toContain('build/bin/gpu_bench, as scripts/gpu-build makes it')
})
