// `dimoo bench` over a fake addon: flags reach the job, `--json` is exactly one object, a terminal gets a table.
import { beforeEach, expect, test, vi } from 'vitest'
import type { BenchReport } from '../../lib/cli/bench.js'
import { dimoo } from './cli-run.js'
import { asked, behaviour, fake, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))

const report: BenchReport = {
  name: 'synth',
  architecture: 'lumina-dimoo',
  weights: 'q8_0',
  device: 'cpu',
  processor: 'Zen',
  threads: 2,
  precision: 'fast',
  variants: { linear: 'avx2' },
  rows: 512,
  repetitions: 7,
  medianSeconds: 1.25,
  rowsPerSecond: 409.6,
  rowsPerSecondAllRows: 370,
  gigaOperations: 414,
  phases: { norm: 0.05, products: 1, attention: 0.2 },
  ceilings: { f32: 248.4, bf16: 503, int8: 1005 },
  fractionOfCeiling: 0.59,
  productsFractionOfCeiling: 0.62,
  picture: {
    width: 256,
    height: 256,
    steps: 64,
    rows: 672,
    stepSeconds: 0.9,
    phases: { products: 0.6, unmask: 0.3 },
    fractionOfCeiling: 0.4,
    decodeSeconds: 2.4,
    secondsPerPicture: 60,
    picturesPerMinute: 1,
  },
}

beforeEach(() => {
  reset()
  behaviour.jobs['bench'] = () => report
})

const bench = (...args: string[]) => dimoo(['bench', '--device', 'cpu', ...args])

test('every flag reaches the job', async () => {
  const flags = ['--rows', '100', '--repetitions', '5', '--threads', '2', '--precision', 'f32', '--size', '64x32', '--steps', '3']
  expect((await bench(...flags)).code).toBe(0)
  const options = { rows: 100, repetitions: 5, threads: 2, precision: 'f32', width: 64, height: 32, steps: 3, device: 'cpu' }
  expect(asked.jobs.at(-1)).toMatchObject({ name: 'bench', options })
})

test('--json prints exactly one object', async () => {
  const { code, out, err } = await bench('--json')
  expect([code, err]).toEqual([0, ''])
  expect(out.trim().split('\n')).toHaveLength(1)
  expect(JSON.parse(out)).toEqual(report)
})

test('a terminal gets a table, slowest phase first', async () => {
  const { out } = await bench()
  expect(out).toMatch(/ceilings: f32 248, bf16 503, int8 1005 Gop\/s/)
  expect(out).toMatch(/512 rows: 1\.25 s, 409\.6 rows\/s, 59\.0 % of the ceiling\n {2}products +1\.00 s +80\.0 %\n {2}attention/)
  expect(out).toMatch(/64 steps: 60\.00 s a picture, 1\.00 pictures a minute/)
  behaviour.jobs['bench'] = () => ({ ...report, picture: undefined })
  expect((await bench()).out).not.toMatch(/picture/)
})

test('bad flags are refused', async () => {
  for (const flags of [
    ['--rows', '0'],
    ['--repetitions', '4'],
    ['--size', '64'],
  ]) {
    const { code, err } = await bench(...flags)
    expect([code, err]).toEqual([2, expect.stringContaining('request/invalid')])
  }
})
