// Answers of txt2img and img2img: pictures in base64, beside what was asked and `info`, which is JSON in JSON there.
import { base64 } from '../../base/json.js'
import type { ImageResult } from '../../run/results.js'
import type { ImageStep } from '../../run/steps.js'
import { resultOf, type Asked } from '../openai/asked.js'
import { SAMPLER } from './ignored.js'
import { drawn } from './interrupts.js'
import type { Drawing } from './request.js'

/** A picture as it is answered. */
interface Shown {
  readonly seed: number
  readonly width: number
  readonly height: number
  readonly infotext: string
  readonly png: () => Promise<Uint8Array>
}

interface Ended {
  readonly shown: readonly Shown[]
  /** What is only known at the end. */
  readonly late: readonly string[]
}

/** Throws the run's error. */
export async function finished(asked: Asked): Promise<Ended> {
  const { images, warnings } = await resultOf<ImageResult>(asked)
  const shown = images.map((made) => {
    const { width, height } = made.image
    return { seed: Number(made.seed), width, height, infotext: JSON.stringify(made.parameters), png: () => made.encode('png') }
  })
  return { shown, late: warnings }
}

/** What an interrupted run came to; the parameters of its pictures are those of the request. */
export function unfinished(
  { run }: Asked,
  steps: readonly ImageStep[],
  { task, request }: Omit<Drawing, 'warnings'>,
  scale: number,
): Ended {
  const { image: _, mask: __, n: ___, ...said } = { ...request } as Record<string, unknown>
  let before: Promise<unknown> = Promise.resolve() // one after the other: others decode meanwhile
  const shown = steps.map((step) => {
    const seed = Number(request.seed) + step.image
    const [width, height] = [step.grid.width * scale, step.grid.height * scale]
    const png = (): Promise<Uint8Array> => {
      const drawing = before.then(() => drawn(run, step))
      before = drawing
      return drawing
    }
    const infotext = JSON.stringify({ task, ...said, seed: String(seed), interrupted: { step: step.step + 1, steps: step.steps } })
    return { seed, width, height, infotext, png }
  })
  const far = [...new Set(steps.map(({ step, steps: all }) => `${step + 1} of ${all}`))]
  return {
    shown,
    late: [far.length === 0 ? 'the run was interrupted before its first step' : `the run was interrupted after step ${far.join(', ')}`],
  }
}

/** A warning where an edit is of another size than was asked for: that of the given picture decides. */
export function otherSize(body: unknown, shown: Shown | undefined): string[] {
  const asked = body as { readonly width?: number | null; readonly height?: number | null }
  if (!shown || ((asked.width ?? shown.width) === shown.width && (asked.height ?? shown.height) === shown.height)) return []
  return [`width and height are ignored: the size follows from the given picture, ${shown.width}x${shown.height}`]
}

export async function answer(shown: readonly Shown[], request: Drawing['request'], parameters: object): Promise<object> {
  const wanted = (parameters as { readonly send_images?: unknown }).send_images === false ? [] : shown
  const images = await Promise.all(wanted.map(async ({ png }) => base64(await png())))
  const [first] = shown
  const info = {
    seed: first?.seed ?? Number(request.seed),
    all_seeds: shown.map(({ seed }) => seed),
    ...(first && { width: first.width, height: first.height }),
    sampler_name: SAMPLER,
    infotexts: shown.map(({ infotext }) => infotext),
  }
  const { init_images: _, mask: __, ...said } = parameters as Record<string, unknown>
  return { images, parameters: said, info: JSON.stringify(info) }
}
