// Pictures of a run as files: of its result (`images/:i`, with its parameters inside), and of a step (`decode`).
import { z } from 'zod'
import { invalid } from '../../base/errors.js'
import { checkOptions } from '../../fields/check.js'
import { array, group, integer, type Fields } from '../../fields/field.js'
import { encodeImage, type ImageFormat } from '../../image/encode.js'
import { PREVIEW_FIELDS } from '../../requests/run-options.js'
import type { PreviewOptions } from '../../requests/types/index.js'
import type { StepData } from '../../run/types.js'
import { encodeCbor } from '../../wire/cbor.js'
import { objectFromJson } from '../../wire/from-json.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { notFound, Problem } from '../problem.js'
import { zodObject } from '../zod.js'
import { anything, heldRun, isImageRun } from './runs.js'

const PLACE = z.object({ id: z.string().min(1).max(128), index: z.coerce.number().int().min(0).max(63) })
const AS = z.object({
  format: z.enum(['png', 'jpeg', 'webp']).default('png'),
  quality: z.coerce.number().int().min(1).max(100).default(90).describe('Of JPEG and WebP.'),
})
const side = integer(1, 65_536, { summary: 'Cells.', unit: 'cells' })
const STEP: Fields = {
  grid: group({ width: side, height: side }, { summary: 'In cells.', required: ['width', 'height'] }),
  tokens: array('i32', 'Codes, -1 where masked.'),
  guess: array('i32', "The same with the model's guess."),
}
const DECODE: Fields = { step: group(STEP, { summary: 'A step of this run.', required: Object.keys(STEP) }), ...PREVIEW_FIELDS }

export function pictureRoutes(app: App, house: House): void {
  app.get(
    '/v1/runs/:id/images/:index',
    { schema: { tags: ['runs'], summary: 'A picture as a file', params: PLACE, querystring: AS } },
    async (request, reply) => {
      const run = heldRun(house, request)
      run.touch()
      const { index } = request.params
      const { outcome } = run
      if (!outcome) throw new Problem(409, 'request/invalid', `run ${run.id}: its pictures come with its end, and it is ${run.state}`)
      if ('error' in outcome) throw outcome.error
      const image = 'images' in outcome.result ? outcome.result.images[index] : undefined
      if (!image) throw notFound(`run ${run.id}: it has no picture ${index}`)
      const { format, quality } = request.query
      return reply.type(`image/${format}`).send(Buffer.from(await image.encode(format, { quality })))
    },
  )

  app.post(
    '/v1/runs/:id/decode',
    {
      schema: { tags: ['runs'], summary: 'Draws a step', params: z.object({ id: z.string() }), body: zodObject(DECODE, ['step']) },
      validatorCompiler: anything,
    },
    async (request, reply) => {
      const run = heldRun(house, request)
      run.touch()
      if (!isImageRun(run)) throw invalid('decode: expected a run of pictures, got one of text')
      const body = objectFromJson(request.body, DECODE)
      checkOptions('decode', body, { fields: DECODE, required: ['step'] })
      const { step, ...options } = body as PreviewOptions & { readonly step: StepData }
      const { maxCells } = house.settings
      const cells = step.grid.width * step.grid.height
      if (cells > maxCells) throw invalid(`decode: step must be of at most ${maxCells} cells here, got ${cells}`)
      checkCodes(step, (await house.models.get(run.model).info()).codebookSize)
      const { format = 'raw' } = options
      const image = await run.run.decode(step, { ...options, format: 'raw' })
      // Pixels for programs, a file for people.
      if (format === 'raw' && /\bapplication\/cbor\b/.test(request.headers.accept ?? ''))
        return reply.type('application/cbor').send(Buffer.from(encodeCbor(image)))
      const file: ImageFormat = format === 'raw' ? 'png' : format
      return reply.type(`image/${file}`).send(Buffer.from(await encodeImage(image, file)))
    },
  )
}

// -1: still masked, or no guess yet.
function checkCodes(step: StepData, codes: number): void {
  for (const name of ['tokens', 'guess'] as const) {
    const wrong = step[name].findIndex((code) => code < -1 || code >= codes)
    if (wrong >= 0) throw invalid(`decode: step.${name} must be codes from 0 to ${codes - 1}, or -1, got ${step[name][wrong]} at ${wrong}`)
  }
}
