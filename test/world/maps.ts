// Edge map and depth map of a scene as the training data draws them, and how well a predicted map overlaps with the drawn one.
import { around, coverage, outline, side } from './scene.js'
import type { Random, Scene } from './scene.js'
import { caption, sampleScene } from './sample.js'

export const mapKinds = ['canny', 'depth'] as const
export type MapKind = (typeof mapKinds)[number]
const far = 30 // the canvas's depth
const near = (radius: number): number => 70 + 13 * radius // 161 for small things, 252 for large ones

/** Grey pixels (RGB bytes): outlines two to three pixels wide, nearer things hiding farther ones; or brightness by size. */
export function drawMap(kind: MapKind, scene: Scene): Uint8Array {
  const grey = new Float64Array(side * side).fill(kind === 'depth' ? far : 0)
  for (const thing of scene.things)
    for (const p of around(thing)) {
      const [column, row] = [p % side, Math.floor(p / side)]
      if (kind === 'depth') {
        const share = coverage(thing, column, row)
        grey[p] = grey[p]! * (1 - share) + near(thing.radius) * share
      } else {
        const d = outline(thing, column, row)
        grey[p] = Math.max(d < -1 ? 0 : grey[p]!, 255 * Math.min(1, Math.max(0, 1.5 - Math.abs(d))))
      }
    }
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => Math.round(grey[Math.floor(i / 3)]!))
}

/** 0 for nothing; 1 for an edge or a far thing, 2 for a near thing; 3 for a colour, which no map has. */
function level(kind: MapKind, pixels: Uint8Array, p: number): number {
  const [red, grey, blue] = [pixels[p * 3]!, pixels[p * 3 + 1]!, pixels[p * 3 + 2]!]
  if (Math.max(red, grey, blue) - Math.min(red, grey, blue) > 48) return 3
  if (kind === 'canny') return grey >= 128 ? 1 : 0
  return grey < (far + near(7)) / 2 ? 0 : grey < (near(7) + near(14)) / 2 ? 1 : 2
}

/** Intersection over union of what is marked in two maps, the depth's levels apart: 0..1. */
export function mapOverlap(kind: MapKind, a: Uint8Array, b: Uint8Array): number {
  let both = 0
  let any = 0
  for (let p = 0; p < side * side; p++) {
    const [one, two] = [level(kind, a, p), level(kind, b, p)]
    if (one || two) any++
    if (one && one === two) both++
  }
  return any === 0 ? 1 : both / any
}

/** A map with at least this overlap is right; another scene's map hardly ever reaches it (test/world.test.ts). */
export const rightOverlap = 0.7

export interface MapCase {
  readonly kind: MapKind
  readonly scene: Scene
  readonly prompt: string
}

/** A held-out scene for prediction (picture to map) and for control (map and prompt to picture). */
export function sampleMap(random: Random, kind: MapKind): MapCase {
  const scene = sampleScene(random)
  return { kind, scene, prompt: caption(scene) }
}
