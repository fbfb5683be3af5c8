// `/v1/images/generations` and `/v1/images/edits`, as OpenAI's clients know them.
import { z } from 'zod'
import type { ModelInfo } from '../../native/info.js'
import type { RawImage } from '../../fields/values.js'
import { candidates, type ResolvedImage } from '../../requests/image.js'
import { resolveRequest } from '../../requests/index.js'
import type { GeneratedImage, ImageResult } from '../../run/results.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { anything } from '../native/runs.js'
import { toProblem } from '../answers.js'
import type { AnyStep } from '../runs/held-parts.js'
import { badRequest } from '../problem.js'
import { zodObject } from '../zod.js'
import { ask, ASKED, resultOf, seconds, type Asked } from './asked.js'
import { drawSteps } from './draw-steps.js'
import { bodyFields, IGNORED, OPENAI_IMAGE_FIELDS } from './fields.js'
import { readImagesBody } from './images-body.js'
import { imagesRequest, type ImagesRequest } from './images-request.js'
import { encoded, encodedPartial, stillFormat } from './output.js'
import { imageUsage, shareOfUsage } from './usage.js'
import { warn, warned } from '../warnings.js'
import type { FastifyReply } from 'fastify'

const EVENTS = { generations: 'image_generation', edits: 'image_edit' } as const
const SUMMARY = { generations: 'Pictures from a text, as at OpenAI', edits: 'Pictures from pictures and a text, as at OpenAI' } as const

export function imageRoutes(app: App, house: House): void {
  for (const route of ['generations', 'edits'] as const) {
    app.post(
      `/v1/images/${route}`,
      {
        config: { ...ASKED, forms: true },
        schema: { tags: ['openai'], summary: SUMMARY[route], body: bodySchema(route) },
        validatorCompiler: anything,
      },
      async (request, reply) => {
        const body = await readImagesBody(request, house.settings, route)
        const served = house.models.get(body.fields.get('model') as string | undefined)
        const info = await served.info()
        const wish = imagesRequest(body, info, house.settings)
        checkFilm(wish, info, house.settings.maxPixels)
        const asked = await ask(house, request, reply, { served, ...wish })
        const unseen = !wish.stream && wish.partials > 0 ? ['partial_images: they come on a stream, which was not asked for'] : []
        const warnings = [...wish.warnings, ...unseen, ...asked.run.warnings]
        warn(reply, warnings)
        if (!wish.stream) return answer(asked, wish, { reply, warnings })
        const stream = house.streams.start(reply)
        const send = (data: { readonly type: string }): Promise<void> => stream.send({ event: data.type, data: JSON.stringify(data) })
        try {
          await streamed(asked, wish, EVENTS[route], send)
        } catch (error) {
          await send({ type: 'error', ...toProblem(error, request).body })
        }
        asked.done()
        stream.end()
        return reply
      },
    )
  }
}

function bodySchema(route: 'generations' | 'edits'): z.ZodType {
  const required = route === 'generations' ? ['prompt'] : ['image']
  const fields = bodyFields(route === 'generations' ? 'generate' : 'inpaint')
  const others = IGNORED.map((name) => [name, z.any().optional().describe(OPENAI_IMAGE_FIELDS[name]!.summary)] as const)
  return zodObject(fields, required).extend(Object.fromEntries(others))
}

interface Answering {
  readonly reply: FastifyReply
  /** Those that are known before. */
  readonly warnings: readonly string[]
}

async function answer(asked: Asked, wish: ImagesRequest, { reply, warnings }: Answering): Promise<object> {
  try {
    const frames = filmed(asked, wish)
    const result = await resultOf<ImageResult>(asked)
    const films = await frames()
    const late = new Set(result.warnings)
    const data = await Promise.all(
      result.images.map(async (image) => ({ b64_json: await encoded(image, wish.output, films(image), late), seed: image.seed })),
    )
    const all = [...warnings, ...late]
    warn(reply, all)
    return { created: seconds(), ...about(result, wish), data, usage: imageUsage(result, asked.run.task), ...warned(all) }
  } finally {
    asked.done()
  }
}

/** Frames of a picture, once the run has ended. With `bestOf` only the end tells which of the decoded ones a picture is: its tokens do. */
function filmed({ run }: Asked, { output }: ImagesRequest): () => Promise<(picture: GeneratedImage) => RawImage[]> {
  if (!output.film) return async () => () => []
  const films = new Map<number, RawImage[]>()
  const ends = new Map<number, Int32Array>()
  const seen = (step: AnyStep): void => {
    if (step.kind === 'image' && step.masked === 0) ends.set(step.image, step.tokens)
  }
  const stop = run.onStep(seen, { past: true })
  const drawn = drawSteps(run, { count: output.film.frames - 1 }, ({ image, picture }) => {
    films.set(image, [...(films.get(image) ?? []), picture])
  })
  return async () => {
    stop()
    await drawn()
    return ({ tokens }) => {
      const found = [...ends].find(([, end]) => isSame(end, tokens))
      return (found && films.get(found[0])) ?? []
    }
  }
}

const isSame = (one: Int32Array, other: Int32Array): boolean => one.length === other.length && one.every((code, i) => code === other[i])

async function streamed(
  asked: Asked,
  wish: ImagesRequest,
  name: string,
  send: (data: { readonly type: string }) => Promise<void>,
): Promise<void> {
  const { run } = asked
  const frames = filmed(asked, wish)
  const { n = 1 } = wish.request as { readonly n?: number }
  const drawn = drawSteps(run, { count: wish.partials, pictures: n }, async ({ image, index, picture }) => {
    const b64_json = await encodedPartial(picture, wish.output)
    const own = { b64_json, partial_image_index: index, image_index: image, created_at: seconds() }
    const data = { ...own, ...about({ image: picture }, wish), output_format: stillFormat(wish.output) }
    await send({ type: `${name}.partial_image`, ...data })
  })
  const result = await resultOf<ImageResult>(asked)
  await drawn()
  const films = await frames()
  for (const [i, image] of result.images.entries()) {
    const late = new Set(result.warnings)
    const b64_json = await encoded(image, wish.output, films(image), late)
    const usage = shareOfUsage(result, run.task, i)
    const more = { usage, ...warned([...wish.warnings, ...run.warnings, ...late]) }
    const own = { b64_json, image_index: i, created_at: seconds(), seed: image.seed }
    await send({ type: `${name}.completed`, ...own, ...about(image, wish), ...more })
  }
}

function about({ image: { width, height } }: Pick<GeneratedImage, 'image'>, { output }: ImagesRequest): object {
  return { background: 'opaque', output_format: output.format, quality: output.effort, size: `${width}x${height}` }
}

// Frames are kept as pixels until the end.
function checkFilm({ output, request, task }: ImagesRequest, info: ModelInfo, maxPixels: number): void {
  if (!output.film) return
  const resolved = resolveRequest(task, request as never, info) as Pick<ResolvedImage, 'n' | 'bestOf'> & object
  const { width, height } = { width: info.defaults.image?.width ?? 1024, height: info.defaults.image?.height ?? 1024, ...resolved }
  const pixels = output.film.frames * candidates(resolved) * width * height
  if (pixels > maxPixels)
    throw badRequest(`images: frame_count of ${task} must keep a film within ${maxPixels} pixels here, got ${pixels}`, 'frame_count')
}
