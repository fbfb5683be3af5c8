// Puts a case to a model through the public API and takes the answer back.
import type { DimooModel, ImageResult, Run, TextResult } from '../../lib/index.js'
import type { Case, Rectangle, Sides } from './cases.js'
import type { Answer } from './judge.js'
import type { Settings } from './settings.js'
import { draw } from './world/draw.js'
import type { Picture } from './world/draw.js'
import { drawMap } from './world/maps.js'

export interface Answered extends Answer {
  readonly steps: number
  /** Rows that went through the model. */
  readonly rows: number
  /** Share of the given codes that came back as they were. */
  readonly kept?: number
}

/** The part of a picture that is given when it is to be extended. */
function cropped({ data, width, height }: Picture, { left = 0, top = 0, right = 0, bottom = 0 }: Sides): Picture {
  const [w, h] = [width - left - right, height - top - bottom]
  const part = new Uint8Array(w * h * 3)
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * width + left) * 3
    part.set(data.subarray(from, from + w * 3), y * w * 3)
  }
  return { data: part, width: w, height: h, channels: 3 }
}

/** The pictures that a case gives, in order. */
export function given({ task, image, style, map, extend }: Case): Picture[] {
  if (!image) return []
  if (task === 'control') return [drawMap(map!, image)]
  if (extend) return [cropped(draw(image), extend)]
  return style ? [draw(image), draw(style)] : [draw(image)]
}

const silent = { delivery: 'none' } as const

async function drawn(run: Run<unknown, ImageResult>): Promise<Answered & { readonly tokens: Int32Array }> {
  const { image, tokens, usage } = await run.result()
  return { picture: { ...image, channels: 3 }, tokens, steps: usage.steps, rows: usage.forwardTokens }
}

async function told(run: Run<unknown, TextResult>): Promise<Answered> {
  const { text, usage } = await run.result()
  return { text, steps: usage.steps, rows: usage.forwardTokens }
}

/** Share of the codes outside the region that are still the given picture's. */
async function keptShare(model: DimooModel, image: Picture, region: Rectangle, tokens: Int32Array): Promise<number> {
  const { tokens: before, grid } = await model.encodeVq(image)
  const { scale } = await model.info()
  const within = (at: number, from: number, length: number): boolean => at * scale < from + length && (at + 1) * scale > from
  const outside = [...before.keys()].filter((i) => {
    const [column, row] = [i % grid.width, Math.floor(i / grid.width)]
    return !(within(column, region.left, region.width) && within(row, region.top, region.height))
  })
  return outside.filter((i) => tokens[i] === before[i]).length / outside.length
}

async function painted(model: DimooModel, one: Case, run: Run<unknown, ImageResult>): Promise<Answered> {
  const answer = await drawn(run)
  return { ...answer, kept: await keptShare(model, given(one)[0]!, one.region!, answer.tokens) }
}

export function ask(model: DimooModel, one: Case, settings: Settings, seed: number): Promise<Answered> {
  const { task, prompt, scene, map, view, region, extend } = one
  const { guidance, guidanceImage, guidanceFloor, reuse, threshold, ...common } = settings
  const base = { ...common, seed }
  const weights = (of: object): object => (Object.keys(of).length > 0 ? { guidance: of } : {})
  const alone = { ...(guidance !== undefined && { text: guidance }), ...(guidanceFloor !== undefined && { floor: guidanceFloor }) }
  const text = { ...base, ...weights(alone) }
  const both = { ...alone, ...(guidanceImage !== undefined && { image: guidanceImage }) }
  const image = { ...base, image: given(one)[0]!, imageArea: 'native', ...weights(both) } as const
  const answer = {
    ...base,
    ...(guidance !== undefined && { guidance }),
    ...(reuse && { reuse }),
    ...(threshold !== undefined && { threshold }),
  }
  switch (task) {
    case 'generate':
      return drawn(model.generate({ ...text, prompt, width: scene.width, height: scene.height }, silent))
    case 'edit':
      return drawn(model.edit({ ...image, prompt }, silent))
    case 'control':
      return drawn(model.control({ ...image, prompt, control: map as 'canny' }, silent))
    case 'predict':
      return drawn(model.predict({ ...image, map: map! }, silent))
    case 'subject':
      return drawn(model.subject({ ...image, prompt }, silent))
    case 'style':
      return drawn(model.style({ ...image, style: given(one)[1]! }, silent))
    case 'view':
      return drawn(model.view({ ...image, view: view! }, silent))
    case 'inpaint':
      return painted(model, one, model.inpaint({ ...text, prompt, image: image.image, mask: region! }, silent))
    case 'retouch':
      return painted(model, one, model.retouch({ ...text, prompt, from: image.image, region: region! }, silent))
    case 'outpaint':
      return drawn(model.outpaint({ ...text, prompt, image: image.image, extend: extend! }, silent))
    case 'ask':
      return told(model.ask({ ...answer, prompt, images: [image.image], imageArea: 'native' }, silent))
    case 'chat':
      return told(model.chat({ ...answer, messages: [{ role: 'user', content: prompt }] }, silent))
  }
}
