// What an answer is worth, from its pixels or its text alone. Every mark is 0 to 1; `right` is what counts. A picture made from a given one
// is right only if, besides, nothing else changed.
import type { Case } from './cases.js'
import { addedThings, mayChange, paintedOverlap, untouched } from './judge-pixels.js'
import { judgeAsked, judgePlaced } from './judge-scene.js'
import { detect } from './world/detect.js'
import type { Reading } from './world/detect.js'
import { draw } from './world/draw.js'
import type { Picture } from './world/draw.js'
import { drawMap, mapOverlap, rightOverlap } from './world/maps.js'

export type Marks = Readonly<Record<string, number>> & { readonly right: number }
export interface Answer {
  readonly picture?: Picture
  readonly text?: string
}

/** Of the pixels that should not change, at least this share must be as they were; the image tokenizer alone keeps 0.98 and more. */
export const leastUntouched = 0.97

/** Every picture is read once, however many cases it is judged by. */
const readings = new WeakMap<Picture, Reading>()
function read(picture: Picture, cell: 8 | 16): Reading {
  const reading = readings.get(picture) ?? detect(picture, cell)
  readings.set(picture, reading)
  return reading
}

function judgePicture(one: Case, picture: Picture): Marks {
  const { scene, image, judge, task } = one
  const reading = read(picture, scene.cell)
  const { things, right } = judge === 'asked' ? judgeAsked(one, reading) : judgePlaced(scene, reading, addedThings(one))
  const places = mayChange(one, reading)
  const kept = places && image && untouched(picture, draw(image), places)
  return {
    right: Number(right && (kept === undefined || kept >= leastUntouched)),
    things: Number(things),
    ...(judge === 'placed' && { placed: Number(right) }),
    ...(kept !== undefined && { untouched: kept }),
    ...(task === 'control' && { overlap: paintedOverlap(draw(scene), picture) }),
  }
}

/** Also takes another case's answer: what chance alone would give. */
export function marksOf(one: Case, { picture, text }: Answer): Marks {
  if (one.judge === 'answer') return { right: Number((one.answers ?? []).includes((text ?? '').trim())) }
  if (!picture) throw new Error(`${one.id}: expected a picture, got none`)
  if (picture.width !== one.scene.width || picture.height !== one.scene.height) return { right: 0 }
  if (one.judge !== 'map') return judgePicture(one, picture)
  if (!one.map) throw new Error(`${one.id}: a case that is judged by its map must name one`)
  const overlap = mapOverlap(one.map, drawMap(one.map, one.scene), picture)
  return { right: Number(overlap >= rightOverlap), overlap }
}

/** The answer that is right, drawn by code or told: what the judge itself is judged by. */
export function truth(one: Case): Answer {
  if (one.judge === 'answer') return { text: one.answers?.[0] ?? '' }
  return { picture: one.judge === 'map' ? drawMap(one.map!, one.scene) : draw(one.scene) }
}
