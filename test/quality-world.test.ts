// The world that the scoreboard judges by: it draws what tools/miniature draws, and reads from pixels what was drawn.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { judgePlaced } from '../bench/quality/judge-scene.js'
import { detect } from '../bench/quality/world/detect.js'
import { draw } from '../bench/quality/world/draw.js'
import type { Picture } from '../bench/quality/world/draw.js'
import { drawMap, mapOverlap } from '../bench/quality/world/maps.js'
import type { MapKind } from '../bench/quality/world/maps.js'
import { relationOf, toScene } from '../bench/quality/world/scene.js'
import type { Scene, SceneJson, Thing } from '../bench/quality/world/scene.js'

interface Line {
  readonly scene: SceneJson
  readonly sha1: Readonly<Record<string, string>>
}
// Made by test/scenes/make.py with the world of tools/miniature.
const lines = readFileSync(path.join(import.meta.dirname, 'scenes/scenes.jsonl'), 'utf8')
  .split('\n')
  .filter(Boolean)
const cases = lines.map((line) => JSON.parse(line) as Line).map(({ scene, sha1 }) => ({ scene: toScene(scene), sha1 }))

const digest = ({ data }: Picture): string => createHash('sha1').update(data).digest('hex').slice(0, 12)

test('pictures and maps are those of tools/miniature, byte for byte', () => {
  for (const { scene, sha1 } of cases) {
    const { picture, ...maps } = sha1
    expect(digest(draw(scene)), JSON.stringify(scene)).toBe(picture)
    for (const [kind, sum] of Object.entries(maps))
      expect(digest(drawMap(kind as MapKind, scene)), `${kind} ${JSON.stringify(scene)}`).toBe(sum)
  }
  expect(new Set(cases.flatMap(({ sha1 }) => Object.keys(sha1))).size).toBe(7)
})

test('everything drawn is read back: things of every fill, palettes, words, poses, blocks from every side', () => {
  const wrong = cases.filter(({ scene }) => !judgePlaced(scene, detect(draw(scene), scene.cell), []).right)
  expect(wrong.map(({ scene }) => JSON.stringify(scene))).toEqual([])
  const parts = ['objects', 'word', 'figure', 'block'] as const
  for (const part of parts)
    expect(cases.some(({ scene }) => (part === 'objects' ? scene.objects.length > 0 : scene[part] !== null))).toBe(true)
})

const reads = (shown: Scene, asked: Scene): boolean => judgePlaced(asked, detect(draw(shown), shown.cell), []).right

test('any one thing changed is seen', () => {
  for (const { scene } of cases.filter(({ scene: { objects } }) => objects.length > 0)) {
    const [first, ...rest] = scene.objects as [Thing, ...Thing[]]
    const changed = (thing: Thing): Scene => ({ ...scene, objects: [thing, ...rest] })
    const taken = [first, ...rest].map(({ color }) => color)
    const color = (['red', 'blue', 'yellow'] as const).find((one) => !taken.includes(one)) ?? 'green'
    expect(reads(changed({ ...first, color }), scene), `colour of ${JSON.stringify(scene)}`).toBe(false)
    expect(reads(changed({ ...first, shape: first.shape === 'cross' ? 'square' : 'cross' }), scene), JSON.stringify(scene)).toBe(false)
    if (scene.cell === 16) expect(reads(changed({ ...first, fill: first.fill === 'outline' ? 'solid' : 'outline' }), scene)).toBe(false)
    if (rest.length > 0) expect(reads({ ...scene, objects: rest }, scene)).toBe(false)
    expect(reads({ ...scene, background: scene.background === 'gray' ? 'white' : 'gray' }, scene)).toBe(false)
  }
  for (const { scene } of cases) {
    const { word, figure, block } = scene
    if (word)
      expect(reads({ ...scene, word: { ...word, text: word.text.replace(/.$/, (last) => (last === 'E' ? 'F' : 'E')) } }, scene)).toBe(false)
    if (figure) expect(reads({ ...scene, figure: { ...figure, left: figure.left === 'up' ? 'down' : 'up' } }, scene)).toBe(false)
    if (block?.view === 'front') expect(reads({ ...scene, block: { ...block, view: 'back' } }, scene)).toBe(same(block.left, block.right))
  }
})

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

test('maps are drawn as the training data draws them, and compared by what they mark', () => {
  const thing = { color: 'red', shape: 'square', x: 32, y: 32, size: 'large', fill: 'solid' } as const
  const scene = toScene({ width: 64, height: 64, cell: 8, objects: [thing] })
  const at = (kind: MapKind, x: number): number => drawMap(kind, scene).data[(32 * 64 + x) * 3]!
  // The square's right side is at 32 + 14 * 0.86 = 44.04.
  expect([41, 42, 43, 44, 45, 46].map((x) => at('canny', x))).toEqual([0, 0, 245, 255, 10, 0])
  expect([43, 44, 45].map((x) => at('depth', x))).toEqual([252, 39, 30])
  const small = toScene({ width: 64, height: 64, cell: 8, objects: [{ ...thing, size: 'small' }] })
  expect(mapOverlap('depth', drawMap('depth', scene), drawMap('depth', scene))).toBe(1)
  expect(mapOverlap('depth', drawMap('depth', scene), drawMap('depth', small))).toBeLessThan(0.1) // another depth
  expect(mapOverlap('canny', drawMap('canny', scene), draw(scene))).toBeLessThan(0.1)
})

test('a relation holds for the middles and for every pair', () => {
  const at = (x: number, y: number): { x: number; y: number } => ({ x, y })
  expect(relationOf([at(0, 0)], [at(40, 10)])).toBe('to the left of')
  expect(relationOf([at(0, 50), at(10, 60)], [at(0, 0)])).toBe('below')
  expect(relationOf([at(0, 0)], [at(40, 40)])).toBeUndefined() // neither axis is clearer
  expect(relationOf([at(0, 0), at(60, 0)], [at(50, 0)])).toBeUndefined() // one member lies on the other side
})
