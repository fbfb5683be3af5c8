// Tasks that the miniature was not trained on (subject, style, view, chat), with what a model that knew them would give: the figures
// say how far it gets by itself. Flat things look the same from every side, so another view shows the same things.
import { article, noun } from './scene.js'
import type { Random, Scene, Thing } from './scene.js'
import { picture } from './fills.js'
import type { Picture } from './fills.js'
import { caption, otherBackground, sampleScene } from './sample.js'

export interface SubjectCase {
  readonly prompt: string
  readonly image: Picture
  readonly scene: Scene
}

/** One thing given; asked for on another background. */
export function sampleSubject(random: Random): SubjectCase {
  const given = sampleScene(random, { count: 1 })
  const scene = { ...given, background: otherBackground(random, given.background) }
  return { prompt: caption(scene), image: picture(given), scene }
}

/** The things of one picture on the background of the other. */
export function sampleStyle(random: Random): { readonly image: Picture; readonly style: Picture; readonly scene: Scene } {
  const content = sampleScene(random, { count: 1 })
  const style = sampleScene(random, { count: 1, background: otherBackground(random, content.background) })
  return { image: picture(content), style: picture(style), scene: { ...content, background: style.background } }
}

export function sampleView(random: Random): { readonly image: Picture; readonly view: string; readonly scene: Scene } {
  const scene = sampleScene(random)
  return { image: picture(scene), view: random() < 0.5 ? 'left' : 'right', scene }
}

/** A question about a scene that is told, not shown. */
export function sampleChat(random: Random): { readonly text: string; readonly answer: string } {
  const [a, b] = sampleScene(random, { count: 2, same: false }).things as [Thing, Thing]
  if (a.shape === b.shape) return sampleChat(random)
  return { text: `There is ${article(noun(a))} and ${article(noun(b))}. What color is the ${a.shape}?`, answer: a.color }
}
