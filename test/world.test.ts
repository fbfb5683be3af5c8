// What judges the model's answers is judged first: held-out scenes, every task's judge on drawn truth and on another case's truth.
import { describe, expect, test } from 'vitest'
import { detect, judgeScene } from './world/detect.js'
import type { Reading } from './world/detect.js'
import { editKinds, sampleEdit } from './world/edits.js'
import { picture, sampleHole, sampleRetouch, sampleSide } from './world/fills.js'
import type { Fill, Picture } from './world/fills.js'
import { drawMap, mapKinds, mapOverlap, rightOverlap, sampleMap } from './world/maps.js'
import { answeredRight, questionKinds, sampleQuestion } from './world/questions.js'
import { caption, captions, sampleScene } from './world/sample.js'
import { draw, randomFrom, side } from './world/scene.js'
import type { Random, Scene } from './world/scene.js'
import { fewest, rankingArea } from './world/score.js'
import { seenInTraining } from './world/seen.js'

const cases = 120
const many = <T>(seed: number, sample: (random: Random) => T): T[] => {
  const random = randomFrom(seed)
  return Array.from({ length: cases }, () => sample(random))
}
const share = <T>(items: readonly T[], right: (item: T, i: number) => boolean): number => items.filter(right).length / items.length
const shows = (reading: Reading, scene: Scene): boolean => judgeScene(scene, reading).placed
/** Some case that stands elsewhere in the list. */
const other = <T>(items: readonly T[], i: number): T => items[(i + 7) % items.length]!

test('thresholds follow from the binomial distribution', () => {
  expect(fewest(0.5, 1e9, 100)).toBe(38) // P(X <= 37) = 0.6 %, P(X <= 38) = 1.05 %
  expect(fewest(0.5, 25, 100)).toBeLessThan(30)
  expect([fewest(0, 60, 12), fewest(1, 60, 8)]).toEqual([0, 6])
  expect(rankingArea([3, 2], [1, 2])).toBe(0.875)
})

test('scenes of one thing are held out, and every look of the world occurs', () => {
  const scenes = many(1, (random) => sampleScene(random))
  expect(scenes.some(seenInTraining)).toBe(false)
  expect(seenInTraining({ background: 'white', things: [{ color: 'red', shape: 'circle', x: 32, y: 32, radius: 14 }] })).toBe(true)
  expect(new Set(scenes.map(({ things }) => things.length))).toEqual(new Set([1, 2, 3, 4]))
  expect(new Set(scenes.flatMap(({ things }) => things.map(({ shape }) => shape))).size).toBe(6)
  expect(new Set(scenes.flatMap(({ things }) => things.map(({ color }) => color))).size).toBe(6)
})

test('captions: the plain one is among the true ones, and another scene has other ones', () => {
  const scenes = many(2, (random) => sampleScene(random))
  expect(share(scenes, (scene) => captions(scene).has(caption(scene)))).toBe(1)
  expect(share(scenes, (scene, i) => captions(scene).has(caption(other(scenes, i))))).toBeLessThanOrEqual(0.03)
  const crosses = (x: number): Scene['things'][0] => ({ color: 'orange', shape: 'cross', x, y: 16, radius: 7 })
  expect(captions({ background: 'gray', things: [crosses(16), crosses(48)] })).toContain('two orange crosses on a gray background')
  expect(captions({ background: 'white', things: [crosses(16)] })).toContain('a small orange cross in the top left')
  expect(captions({ background: 'white', things: [crosses(48), { ...crosses(16), color: 'red' }] })).toContain(
    'an orange cross to the right of a red cross',
  )
})

describe('questions', () => {
  // An answer to the same question about another scene is right by chance alone: yes and no, a few backgrounds and counts, six colours.
  const chance = { background: 0.45, count: 0.5, color: 0.3, shape: 0.3, relation: 0.1, exists: 0.65, describe: 0.03 }
  test.each(questionKinds)('%s', (kind) => {
    const questions = many(3, (random) => sampleQuestion(random, kind))
    const first = (i: number): string => [...questions[i % cases]!.answers][0]!
    expect(share(questions, (question, i) => answeredRight(question, ` ${first(i)}`))).toBe(1)
    expect(share(questions, (question, i) => answeredRight(question, first(i + 7)))).toBeLessThanOrEqual(chance[kind])
    expect(share(questions, (question) => answeredRight(question, ''))).toBe(0)
  })
})

test.each(editKinds)('edit %s: judged from pixels', (kind) => {
  const edits = many(4, (random) => sampleEdit(random, kind))
  const seen = edits.map(({ after }) => detect(draw(after)))
  expect(share(edits, ({ after }, i) => shows(seen[i]!, after))).toBeGreaterThanOrEqual(0.99)
  expect(share(edits, ({ after }, i) => shows(other(seen, i), after))).toBeLessThanOrEqual(0.02)
  expect(share(edits, ({ before, after }) => shows(detect(draw(before)), after))).toBeLessThanOrEqual(0.01)
})

test.each(mapKinds)('%s map: judged by overlap', (kind) => {
  const maps = many(5, (random) => sampleMap(random, kind))
  const drawn = maps.map(({ scene }) => drawMap(kind, scene))
  expect(share(maps, (_, i) => mapOverlap(kind, drawn[i]!, drawn[i]!) >= rightOverlap)).toBe(1)
  expect(share(maps, (_, i) => mapOverlap(kind, drawn[i]!, other(drawn, i)) >= rightOverlap)).toBeLessThanOrEqual(0.02)
  expect(share(maps, ({ scene }, i) => mapOverlap(kind, drawn[i]!, draw(scene)) >= rightOverlap)).toBeLessThanOrEqual(0.02)
})

test('maps are drawn as the training data draws them', () => {
  const thing = { color: 'red', shape: 'square', x: 32, y: 32, radius: 14 } as const
  const at = (kind: 'canny' | 'depth', x: number): number => drawMap(kind, { background: 'white', things: [thing] })[(32 * side + x) * 3]!
  // The square's right side is at 32 + 14 * 0.86 = 44.04.
  expect([41, 42, 43, 44, 45, 46].map((x) => at('canny', x))).toEqual([0, 0, 245, 255, 10, 0])
  expect([43, 44, 45].map((x) => at('depth', x))).toEqual([252, 39, 30])
})

test.each([
  ['inpaint', sampleHole],
  ['outpaint', sampleSide],
  ['retouch', sampleRetouch],
] as const)('%s: judged from pixels', (_, sample) => {
  const fills = many<Fill>(6, sample)
  const seen = fills.map(({ scene }) => detect(draw(scene)))
  expect(share(fills, ({ scene }, i) => shows(seen[i]!, scene))).toBeGreaterThanOrEqual(0.99)
  expect(share(fills, ({ scene }, i) => shows(other(seen, i), scene))).toBeLessThanOrEqual(0.02)
})

function equalOutside(a: Picture, b: Picture, inside: (x: number, y: number) => boolean): boolean {
  return a.data.every((value, i) => inside(Math.floor(i / 3) % side, Math.floor(i / 3 / side)) || value === b.data[i])
}

test('regions hold the thing that is to be drawn, whole, on whole cells', () => {
  for (const { scene, region, picture: given } of many(7, sampleRetouch)) {
    const { left, top, width, height } = region
    expect([left, top, width, height].every((pixels) => pixels % 8 === 0 && pixels >= 0 && pixels <= side)).toBe(true)
    const inside = (x: number, y: number): boolean => x >= left && x < left + width && y >= top && y < top + height
    expect(equalOutside(given, picture(scene), inside)).toBe(true)
  }
  for (const { scene, region } of many(8, sampleHole)) {
    const { left, top, width, height } = region
    const inside = (x: number, y: number): boolean => x >= left && x < left + width && y >= top && y < top + height
    expect(equalOutside(picture({ ...scene, things: [scene.things[1]!] }), picture(scene), inside)).toBe(true)
  }
})

test('a picture to extend shows its own thing whole and nothing of the other', () => {
  for (const { scene, picture: given, extend } of many(9, sampleSide)) {
    const [[to, length]] = Object.entries(extend) as [['left' | 'right' | 'top' | 'bottom', number]]
    const alone = picture({ ...scene, things: [scene.things[0]!] })
    expect([length % 16, length > 0]).toEqual([0, true])
    expect([given.width, given.height]).toEqual(to === 'left' || to === 'right' ? [side - length, side] : [side, side - length])
    const [left, top] = [to === 'left' ? length : 0, to === 'top' ? length : 0]
    for (let y = 0; y < given.height; y++) {
      const row = given.data.subarray(y * given.width * 3, (y + 1) * given.width * 3)
      const from = ((top + y) * side + left) * 3
      expect(Buffer.compare(row, alone.data.subarray(from, from + row.length))).toBe(0)
    }
  }
})
