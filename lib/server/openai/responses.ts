// `/v1/responses`: a conversation answered by text, or by pictures where the tool `image_generation` is there. Nothing is kept: a
// conversation goes on by sending it again.
import { z } from 'zod'
import { isObject } from '../../base/realm.js'
import { show } from '../../base/show.js'
import { toProblem } from '../answers.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { anything } from '../native/runs.js'
import { badRequest } from '../problem.js'
import { ask, ASKED } from './asked.js'
import { warn } from '../warnings.js'
import { namesOf } from './fields.js'
import { checkType } from './known.js'
import { imageTool, inputTurns, PICTURE_NAMES, toolRequest } from './response-input.js'
import { ResponseWriter, type Emit, type Made } from './response-writer.js'
import { writePictures, writeText } from './response-output.js'
import { checkNames, TEXT_NAMES, textRequest, type TextRoute } from './text-request.js'

const ROUTE: TextRoute = {
  where: 'responses',
  lengthNames: ['max_output_tokens'],
  handled: [
    'input',
    'instructions',
    'model',
    'stream',
    'tools',
    'tool_choice',
    'text',
    'previous_response_id',
    'conversation',
    ...PICTURE_NAMES,
  ],
  ignored:
    'background context_management include max_tool_calls metadata moderation parallel_tool_calls prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream_options top_logprobs top_p truncation user'.split(
      ' ',
    ),
}

const BODY = z.looseObject({
  input: z.union([z.string(), z.array(z.looseObject({}))]),
  instructions: z.string().optional(),
  model: z.string().optional(),
  stream: z.boolean().optional(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .optional()
    .describe('image_generation answers with pictures, as many as n says.'),
  max_output_tokens: z.number().int().min(1).optional().describe('At most so many tokens; never more than the default length.'),
  temperature: z.number().optional(),
})

export function responseRoutes(app: App, house: House): void {
  app.post(
    '/v1/responses',
    {
      config: ASKED,
      schema: { tags: ['openai'], summary: 'A conversation answered by text or a picture, as at OpenAI', body: BODY },
      validatorCompiler: anything,
    },
    async (request, reply) => {
      const body: unknown = request.body
      if (!isObject(body)) throw badRequest(`body: expected an object of fields, got ${show(body)}`)
      const warnings: string[] = []
      checkNames(body, ROUTE, warnings)
      checkAsked(body)
      const served = house.models.get(body['model'] as string | undefined)
      const info = await served.info()
      const turns = inputTurns(body)
      const tool = imageTool(body, warnings)
      const picture = tool && toolRequest(turns, tool, body, info, house.settings)
      const text = tool ? undefined : textRequest(turns, body, ROUTE, info, house.settings)
      warnings.push(...unread(body, picture ? [...namesOf(picture.task).keys()] : TEXT_ONES))
      const asked = await ask(house, request, reply, { served, ...(picture ?? text!) })
      warnings.push(...(picture?.warnings ?? []), ...asked.run.warnings)
      warn(reply, warnings)
      const write = async (writer: ResponseWriter): Promise<Made> => {
        try {
          return await (picture ? writePictures(asked, picture, writer, warnings) : writeText(asked, text!.stops, writer, warnings))
        } finally {
          asked.done()
        }
      }
      if (body['stream'] !== true) {
        const response = await write(new ResponseWriter(body, served.name, async () => undefined))
        warn(reply, response.warnings ?? [])
        return response
      }
      const stream = house.streams.start(reply)
      const send: Emit = (event) => stream.send({ event: event.type, data: JSON.stringify(event) })
      const writer = new ResponseWriter(body, served.name, send)
      await write(writer).catch(async (error: unknown) => {
        const { message, code, param } = toProblem(error, request).body.error
        await writer.emit('error', { message, code, param })
      })
      stream.end()
      return reply
    },
  )
}

const TEXT_ONES = [...TEXT_NAMES, ...ROUTE.lengthNames]

/** Text and pictures take fields that the other has no use for. */
function unread(body: Readonly<Record<string, unknown>>, read: readonly string[]): string[] {
  const left = [...new Set([...TEXT_ONES, ...PICTURE_NAMES])].filter(
    (name) => body[name] !== undefined && body[name] !== null && !read.includes(name),
  )
  return left.length === 0 ? [] : [`ignored: ${left.join(', ')}`]
}

function checkAsked({ text, previous_response_id: previous, conversation }: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries({ previous_response_id: previous, conversation })) {
    if (value !== undefined && value !== null)
      throw badRequest(`responses: ${name} is not there: nothing is kept here; send the conversation as input`, name)
  }
  if (!isObject(text)) return
  checkType('responses', 'text.format', text['format'], 'an object')
  const format = isObject(text['format']) ? text['format']['type'] : 'text'
  if (format !== 'text') throw badRequest(`responses: text.format must be text: no other can be promised, got ${show(format)}`, 'text')
}
