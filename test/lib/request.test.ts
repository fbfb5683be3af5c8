// Requests: every default, every rule, in words that name option, rule and value.
import { describe, expect, test } from 'vitest'
import { seedsFrom } from '../../lib/requests/sampling.js'
import { checkRequest, resolveRequest } from '../../lib/requests/index.js'
import type { ResolvedGenerate } from '../../lib/requests/generate.js'
import type { ModelFacts } from '../../lib/requests/defaults.js'

const facts = { scale: 16, defaults: {} }
const resolve = (request: object, model: ModelFacts = facts): ResolvedGenerate => {
  const asked = { prompt: 'x', seed: 0, ...request }
  checkRequest('generate', asked)
  return resolveRequest('generate', asked, model) as ResolvedGenerate
}

describe('defaults', () => {
  test("without the checkpoint's own, the released scripts'", () => {
    expect(resolve({})).toEqual({
      task: 'generate',
      prompt: 'x',
      specialTokens: false,
      width: 1024,
      height: 1024,
      steps: 64,
      guidance: { text: 4, image: 0, floor: 0 },
      temperature: 1,
      schedule: 'cosine',
      seed: 0n,
      n: 1,
      reuse: { kind: 'none' },
    })
  })

  test("the checkpoint's own come first, the request's before them", () => {
    const model = { scale: 8, defaults: { image: { width: 64, height: 32, steps: 24, guidance: 1, temperature: 0.5 } } }
    expect(resolve({ guidance: 0, height: 64 }, model)).toMatchObject({
      width: 64,
      height: 64,
      steps: 24,
      guidance: { text: 0, image: 0, floor: 0 },
      temperature: 0.5,
    })
  })

  test('a seed that was left out is random', () => {
    const seeds = new Set(Array.from({ length: 20 }, () => resolve({ seed: undefined }).seed))
    expect(seeds.size).toBe(20)
    expect([...seeds].some((seed) => seed > 2n ** 53n)).toBe(true)
  })

  test('seeds count up modulo 2^64', () => {
    expect([...seedsFrom(2n ** 64n - 1n, 3)]).toEqual([2n ** 64n - 1n, 0n, 1n])
  })
})

test('an aspect ratio keeps the area, or follows the side that is given', () => {
  const size = (request: object): number[] => [resolve(request).width, resolve(request).height]
  expect(size({ aspectRatio: '16:9' })).toEqual([1360, 768])
  expect(size({ aspectRatio: '1:1' })).toEqual([1024, 1024])
  expect(size({ aspectRatio: '2:1', width: 512 })).toEqual([512, 256])
  expect(size({ aspectRatio: '2:1', height: 512 })).toEqual([1024, 512])
  // 45 pixels are 5.6 cells of 8: the nearest number of them, not the lower one.
  expect(resolve({ aspectRatio: '64:45', width: 64 }, { scale: 8, defaults: {} })).toMatchObject({ width: 64, height: 48 })
})

test("a schedule of one's own is sampled per step and ends at 0", () => {
  const asked: number[] = []
  const { schedule } = resolve({ steps: 4, schedule: (progress: number) => (asked.push(progress), 1 - progress ** 2) })
  expect(asked).toEqual([0.25, 0.5, 0.75])
  expect(schedule).toEqual(Float32Array.of(0.9375, 0.75, 0.4375, 0))
})

test.each<[object, RegExp]>([
  [{ prompt: undefined }, /prompt must be a string, got undefined/],
  [{ prompt: 7 }, /prompt must be a string, got 7/],
  [{ prompt: '\u00e9'.repeat(2 ** 17 + 1) }, /prompt must be at most 262144 bytes of UTF-8, got 262146/],
  [{ steps: 0 }, /steps must be an integer from 1 to 4096, got 0/],
  [{ steps: 4097 }, /got 4097/],
  [{ steps: 1.5 }, /steps must be an integer/],
  [{ steps: '8' }, /steps must be an integer from 1 to 4096, got '8'/],
  [{ steps: NaN }, /got NaN/],
  [{ n: 0 }, /n must be an integer from 1 to 64, got 0/],
  [{ n: 65 }, /got 65/],
  [{ guidance: -1 }, /guidance must be a number from 0 to 100, got -1/],
  [{ guidance: { floor: 1.5 } }, /guidance: floor must be a number from 0 to 1, got 1.5/],
  [{ guidance: Infinity }, /got Infinity/],
  [{ guidance: { image: 1 } }, /guidance: unknown option 'image'; known are text, floor/],
  [{ guidance: [1] }, /guidance must be a number from 0 to 100, got an array/],
  [{ temperature: -0.1 }, /temperature/],
  [{ temperature: 10.5 }, /temperature must be a number from 0 to 10, got 10\.5/],
  [{ seed: -1 }, /seed must be an integer from 0 to 2\^53 - 1, or a bigint up to 2\^64 - 1, got -1/],
  [{ seed: 2 ** 53 }, /seed/],
  [{ seed: 2n ** 64n }, /got 18446744073709551616n/],
  [{ seed: null }, /got null/],
  [{ width: 1000 }, /width must be a multiple of 16, got 1000/],
  [{ height: 8 }, /height must be a multiple of 16, got 8/],
  [{ width: 16384, height: 1040 }, /at most 65536 cells of 16 x 16 pixels, got 66560/],
  [{ aspectRatio: '16/9' }, /aspectRatio must be two numbers such as '16:9', got '16\/9'/],
  [{ aspectRatio: '1:0' }, /aspectRatio must be between 1:64 and 64:1/],
  [{ aspectRatio: '1:1', width: 16, height: 16 }, /aspectRatio must not be given with both/],
  [{ schedule: 'sine' }, /schedule must be 'cosine', 'linear' or a function, got 'sine'/],
  [{ schedule: () => 2 }, /schedule must return a number from 0 to 1, got 2/],
  [{ cache: 1 }, /cache must be true, false or {ratio, warmup, refresh}, got 1/],
  [{ cache: { ratio: 2 } }, /cache: ratio must be a number from 0 to 1, got 2/],
  [{ n: 4, bestOf: 2 }, /bestOf must be at least n = 4, got 2/],
  [{ control: 'canny' }, /unknown option 'control'; known are prompt, specialTokens, width/],
  [{ toString: 1 }, /unknown option 'toString'/],
])('%o is refused', (request, message) => {
  const act = (): unknown => resolve(request)
  expect(act).toThrow(expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }))
})

test('a prompt of exactly 256 KB is fine', () => {
  expect(resolve({ prompt: '\u00e9'.repeat(2 ** 17) }).prompt).toHaveLength(2 ** 17)
})

test('seed 0, an empty prompt and guidance 0 are fine', () => {
  expect(resolve({ prompt: '', seed: 0n, guidance: 0, temperature: 0 })).toMatchObject({
    prompt: '',
    seed: 0n,
    guidance: { text: 0, image: 0, floor: 0 },
    temperature: 0,
  })
})
