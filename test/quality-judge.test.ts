// The judge of the scoreboard is judged first: right pictures drawn from the held-out cases, the same pictures under other cases.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { given } from '../bench/quality/ask.js'
import { readCases, worlds } from '../bench/quality/cases.js'
import type { Case, CaseFile } from '../bench/quality/cases.js'
import { heldOut } from '../bench/quality/first/scenes.js'
import { leastUntouched, marksOf, truth } from '../bench/quality/judge.js'
import { ruleOf } from '../bench/quality/rules.js'
import { fewest, rankingArea } from '../bench/quality/statistics.js'
import { draw } from '../bench/quality/world/draw.js'
import type { Picture } from '../bench/quality/world/draw.js'
import type { Scene } from '../bench/quality/world/scene.js'

const folderOf = (world: string): string => path.resolve(import.meta.dirname, '../bench/quality/cases', world)
const share = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length
/** All prompts of text to image, some of the rest: the whole would take minutes. */
const sampleOf = ({ task, cases }: CaseFile): readonly Case[] => (task === 'generate' ? cases : cases.slice(0, 20))

/** What answers of other cases would reach: how often two cases drawn at random have the same one. */
function chanceOf(cases: readonly Case[]): number {
  const answers = cases.map((one) => one.answers?.[0])
  return share(cases.flatMap((one) => answers.map((answer) => answer !== undefined && one.answers!.includes(answer))))
}

describe.each(Object.values(worlds).filter((world) => existsSync(folderOf(world))))('the %s world', (world) => {
  const files = readCases(folderOf(world))

  test.each(files)(
    '$task $kind: right pictures are right, those of other cases are not',
    (file) => {
      const cases = sampleOf(file)
      const truths = cases.map(truth)
      const wrong = cases.filter((one, i) => marksOf(one, truths[i]!).right === 0)
      expect(wrong.length / cases.length, wrong.map(({ id }) => id).join(', ')).toBeLessThanOrEqual(0.01)
      const shuffled = share(cases.map((one, i) => marksOf(one, truths[(i + 7) % cases.length]!).right === 1))
      const chance = file.task === 'ask' || file.task === 'chat' ? chanceOf(cases) : 0.01
      expect(shuffled).toBeLessThanOrEqual(chance + 3 * Math.sqrt((chance * (1 - chance)) / cases.length))
    },
    120_000,
  )

  test("GenEval's six categories are there, with 100 prompts each", () => {
    for (const kind of ['single', 'two', 'counting', 'colors', 'position', 'binding']) {
      expect(files.find((file) => file.task === 'generate' && file.kind === kind)?.cases, kind).toHaveLength(100)
    }
    for (const task of ['edit', 'inpaint', 'outpaint', 'control', 'predict', 'subject', 'style', 'view', 'ask']) {
      expect(
        files.some((file) => file.task === task),
        task,
      ).toBe(true)
    }
  })

  test('a prompt that names a size, a place or a relation takes no other', () => {
    const prompts = files.filter(({ task }) => task === 'generate').flatMap(({ cases }) => cases.slice(0, 20))
    const resized = (scene: Scene): Scene => ({
      ...scene,
      objects: scene.objects.map((thing) => ({ ...thing, size: thing.size === 'small' ? 'large' : 'small' })),
    })
    const turned = (scene: Scene): Scene => ({
      ...scene,
      objects: scene.objects.map((thing) => ({ ...thing, x: scene.width - thing.x, y: scene.height - thing.y })),
    })
    const right = (one: Case, scene: Scene): number => marksOf(one, { picture: draw(scene) }).right
    for (const one of prompts) {
      const { groups, relation } = one.ask!
      const placed = groups.some(({ where }) => where !== null && where !== 'in the center')
      if (groups.some(({ size }) => size !== null)) expect(right(one, resized(one.scene)), `${one.id}, sizes`).toBe(0)
      if (one.scene.word) continue // a thing may come to lie on it
      expect(right(one, turned(one.scene)), `${one.id}, places`).toBe(relation !== null || placed ? 0 : 1)
    }
    expect(prompts.some(({ ask }) => ask!.relation !== null)).toBe(true)
  }, 120_000)

  test('an edit is wrong when nothing or something else changed', () => {
    for (const { task, kind, cases } of files.filter((file) => file.task === 'edit')) {
      for (const one of cases.slice(0, 4)) {
        expect(marksOf(one, { picture: draw(one.image!) }).right, `${task} ${kind}: ${one.id} left as it was`).toBe(0)
        if (kind === 'background') continue
        const marks = marksOf(one, { picture: stained(draw(one.scene)) })
        expect(marks.right, `${one.id} with a stain`).toBe(0)
      }
    }
  }, 120_000)

  test('regions hold what is to be drawn, whole; a picture to extend shows nothing of what is missing', () => {
    for (const one of files.filter(({ task }) => task === 'inpaint' || task === 'retouch').flatMap(({ cases }) => cases.slice(0, 30))) {
      const bare = { ...one.scene, objects: one.scene.objects.slice(1) }
      expect(marksOf({ ...one, scene: bare, image: one.scene }, { picture: draw(bare) }).untouched, one.id).toBe(1)
    }
    for (const one of files.filter(({ task }) => task === 'outpaint').flatMap(({ cases }) => cases.slice(0, 30))) {
      const [part] = given(one) as [Picture]
      const alone = given({ ...one, image: { ...one.image!, objects: one.image!.objects.slice(0, 1) } })[0]!
      expect(Buffer.compare(part.data, alone.data), one.id).toBe(0)
      expect(part.width < one.scene.width || part.height < one.scene.height).toBe(true)
    }
  })
})

/** A picture with a grey-red stripe over its whole width, too thin to be a thing but more than 3 % of its pixels. */
function stained({ data, width, height, channels }: Picture): Picture {
  const rows = Math.ceil(height * (1 - leastUntouched) * 2)
  const stain = new Uint8Array(data)
  for (let i = 0; i < rows * width; i++) stain.set([120, 60, 60], i * 3)
  return { data: stain, width, height, channels }
}

test('pictures of one thing that are given in the first world are not trained on', () => {
  const scenes = readCases(folderOf('first')).flatMap(({ cases }) => cases.flatMap(({ image }) => image ?? []))
  const single = scenes.filter(({ objects }) => objects.length === 1)
  expect(single.length).toBeGreaterThan(100)
  expect(single.every(heldOut)).toBe(true)
  // The rule of tools/miniature/world/sample.py: 4 + 2 * 4 + 3 * 0 + 5 * 0 + 7 * 0 leaves 1, one cell further right 2, ... by 11.
  const at = (x: number): boolean =>
    heldOut({ ...scenes[0]!, background: 'white', objects: [{ color: 'red', shape: 'circle', fill: 'solid', x, y: 32, size: 'small' }] })
  expect([8, 16, 24, 32, 40, 48, 56].map(at)).toEqual([false, false, true, false, false, false, false])
})

describe('rules that look at little or nothing', () => {
  const first = readCases(folderOf('first'))
  const fileOf = (task: string, kind: string): readonly Case[] =>
    first.find((file) => file.task === task && file.kind === kind)!.cases.slice(0, 60)

  test('are found where they are right', () => {
    const told = fileOf('chat', 'told').filter((_, i) => i % 2 === 0) // those that ask for the thing that is named first
    expect(ruleOf(told)).toEqual({ rule: 'the first color that is named', right: 1 })
    expect(ruleOf(fileOf('ask', 'exists').filter((_, i) => i % 2 === 1))).toEqual({ rule: 'always "no"', right: 1 })
    expect(ruleOf(fileOf('generate', 'counting').filter((_, i) => i % 3 === 2))).toEqual({ rule: 'always four', right: 1 })
    expect(ruleOf(fileOf('view', 'side'))).toEqual({ rule: 'the given picture', right: 1 }) // flat things look alike from every side
    expect(ruleOf(fileOf('generate', 'binding').filter((_, i) => i % 2 === 1)).rule).toBe('first a large one')
  })

  test.each(first.filter(({ task }) => task !== 'view'))('$task $kind: get at most about half', ({ cases }) => {
    expect(ruleOf(cases.slice(0, 60)).right).toBeLessThanOrEqual(0.6)
  })
})

test('thresholds follow from the binomial distribution', () => {
  expect(fewest(0.5, 1e9, 100)).toBe(38) // P(X <= 37) = 0.6 %, P(X <= 38) = 1.05 %
  expect(fewest(0.5, 25, 100)).toBeLessThan(30)
  expect([fewest(0, 60, 12), fewest(1, 60, 8)]).toEqual([0, 6])
  expect(rankingArea([3, 2], [1, 2])).toBe(0.875)
})
