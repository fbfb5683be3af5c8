// Best of n, over a fake addon: candidates, their judging by the model, what is kept.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { behaviour, CODE_OFFSET, fake, imageRuns, nativeError, reset, textRuns, TOKENS } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { loadModel } = await import('../../lib/index.js')
type Model = Awaited<ReturnType<typeof loadModel>>

let model: Model
beforeEach(async () => {
  reset()
  model = await loadModel(undefined, { device: 'cpu' })
})
afterEach(() => model.close())

/** Codes inside the first prefix, without the markers. */
const codesOf = (ids: Int32Array): number[] => [...ids].filter((id) => id >= CODE_OFFSET).map((id) => id - CODE_OFFSET)
const textOf = async (ids: Int32Array): Promise<string> => model.detokenize(ids.filter((id) => id < CODE_OFFSET))

describe('best of n', () => {
  test('candidates are asked about in their codes, the best returned first, the bill added up', async () => {
    const sure = [0.2, 0.9, 0.6, 0.1]
    let at = 0
    behaviour.probe = ({ probe }) => {
      const yes = sure[at++]!
      // Ids of yes come first, then as many of no.
      return Array.from(probe!, (_, i) => (i === 0 ? yes : i === probe!.length - 1 ? 1 - yes : 0))
    }
    const result = await model.generate({ prompt: 'a red circle', seed: 10, n: 2, bestOf: 4 }).result()
    expect(imageRuns()[0]!.seeds).toHaveLength(4)
    expect(textRuns()).toHaveLength(4)
    expect(textRuns()[0]).toMatchObject({ steps: 1, delivery: 'none', compat: 'none' })
    expect(codesOf(textRuns()[0]!.prefixes[0]!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(await textOf(textRuns()[0]!.prefixes[0]!)).toContain('a red circle')
    expect(result.images.map((image) => [image.seed, image.score])).toEqual([
      ['11', expect.closeTo(0.9)],
      ['12', expect.closeTo(0.6)],
    ])
    expect([result.seed, result.score]).toEqual(['11', expect.closeTo(0.9)])
    expect(result.usage).toMatchObject({ forwardPasses: 4 + 4, forwardTokens: 10 + 40, outputTokens: 32 })
  })

  test("a checkpoint's own question and answer: the mean probability of the answer's tokens, its end included", async () => {
    behaviour.info = { defaults: { judge: { question: 'What is this?', answer: '{prompt}' }, text: { length: 16 } } }
    const asking = await loadModel(undefined, { device: 'cpu' })
    behaviour.probe = ({ probe }) => [probe![0] === TOKENS.answer_end ? 0.25 : 0.5]
    const result = await asking.generate({ prompt: 'a $& red', width: 8, height: 8, steps: 1, n: 1, bestOf: 2 }).result()
    const answer = [...(await model.tokenize('a $& red')), TOKENS.answer_end]
    expect(textRuns()).toHaveLength(2 * answer.length)
    textRuns().forEach(({ prefixes, probe, length, block }, at) => {
      const i = at % answer.length
      expect([...prefixes[0]!].slice(-i - 1)).toEqual([TOKENS.answer_begin, ...answer.slice(0, i)])
      expect([[...probe!], length, block]).toEqual([[answer[i]], 16 - i, 16 - i])
    })
    expect(await textOf(textRuns()[0]!.prefixes[0]!)).toContain('What is this?')
    expect(result.score).toBeCloseTo(Math.exp(((answer.length - 1) * Math.log(0.5) + Math.log(0.25)) / answer.length))
    await asking.close()
  })

  test('by redrawing: each half of the cells is hidden once a split, in one step without guidance; the share that comes back is the score', async () => {
    behaviour.info = { defaults: { judge: { by: 'redraw' } } }
    const judging = await loadModel(undefined, { device: 'cpu' })
    const result = await judging.generate({ prompt: 'x', steps: 1, n: 2, bestOf: 2, guidance: 3 }).result()
    const [drawn, ...probes] = imageRuns()
    expect(textRuns()).toHaveLength(0)
    expect(probes).toHaveLength(2 * 4)
    const hidden = (i: number): number[] => [...probes[i]!.cells.keys()].filter((cell) => probes[i]!.cells[cell] === -1)
    for (let split = 0; split < 8; split += 2) {
      const cells = [...hidden(split), ...hidden(split + 1)].sort((a, b) => a - b)
      expect(cells).toEqual([...drawn!.cells.keys()])
      expect(Math.abs(hidden(split).length - hidden(split + 1).length)).toBeLessThanOrEqual(1)
    }
    expect(hidden(0)).not.toEqual(hidden(2))
    expect(hidden(0)).toEqual(hidden(4))
    expect(probes[0]).toMatchObject({ steps: 1, temperature: 0, guidance: [], pixels: false, delivery: 'none' })
    expect(probes[0]!.prefixes).toEqual(drawn!.prefixes.slice(0, 1))
    // The fake draws every picture alike, so each comes back whole.
    expect(result.images.map(({ score }) => score)).toEqual([1, 1])
    expect(result.usage.forwardPasses).toBe(1 + 8)
    await judging.close()
  })

  test('an abort while judging rejects with its reason', async () => {
    const run = model.generate({ prompt: 'x', steps: 2, bestOf: 2 })
    const result = run.result()
    result.catch(() => undefined)
    while (textRuns().length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(run.state).toBe('running')
    run.abort('enough')
    await expect(result).rejects.toBe('enough')
    expect(run.state).toBe('aborted')
  })

  test('a probe that fails fails the run', async () => {
    behaviour.probe = () => {
      throw nativeError('device/lost', 'gone')
    }
    const run = model.generate({ prompt: 'x', steps: 2, bestOf: 2 })
    await expect(run.result()).rejects.toMatchObject({ code: 'device/lost' })
    expect(run.state).toBe('failed')
  })
})
