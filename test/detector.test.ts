// The detector that judges pictures is judged first: on scenes drawn by code, and on shuffled prompts.
import { expect, test } from 'vitest'
import { detect, judge } from './world/detect.js'
import { draw, randomFrom, samplePrompt } from './world/scene.js'
import type { Kind } from './world/scene.js'

const kinds: readonly Kind[] = ['one', 'background', 'two', 'counting', 'position']
const random = randomFrom(20251)
const prompts = Array.from({ length: 300 }, (_, i) => samplePrompt(random, kinds[i % kinds.length]!))

test('reads at least 99 % of drawn scenes right', () => {
  const wrong = prompts.filter((prompt) => !judge(prompt, detect(draw(prompt.scene))).right)
  expect(wrong.map((prompt) => prompt.text).slice(0, 5)).toHaveLength(Math.min(wrong.length, 5))
  expect(wrong.length / prompts.length, wrong.map((prompt) => prompt.text).join('; ')).toBeLessThanOrEqual(0.01)
})

test('finds shuffled prompts right no more often than chance', () => {
  const right = prompts.filter((prompt, i) => judge(prompt, detect(draw(prompts[(i + 7) % prompts.length]!.scene))).right)
  expect(right.length / prompts.length).toBeLessThanOrEqual(0.02)
})

test('sees a wrong colour, a wrong shape, a missing thing and a swapped relation', () => {
  for (const prompt of prompts.filter((p) => p.kind === 'position').slice(0, 20)) {
    const [a, b] = prompt.scene.things as [(typeof prompt.scene.things)[0], (typeof prompt.scene.things)[0]]
    const right = (things: readonly (typeof a)[]): boolean => judge(prompt, detect(draw({ background: 'white', things }))).right
    expect(right([a, b])).toBe(true)
    expect(right([{ ...a, color: a.color === 'red' ? 'blue' : 'red' }, b])).toBe(false)
    expect(right([{ ...a, shape: a.shape === 'cross' ? 'square' : 'cross' }, b])).toBe(false)
    expect(right([a])).toBe(false)
    expect(
      right([
        { ...a, x: b.x, y: b.y },
        { ...b, x: a.x, y: a.y },
      ]),
    ).toBe(false)
  }
})
