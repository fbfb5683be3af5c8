// `/v1/chat/completions`: texts and pictures in, text out; streamed as it settles.
import type { FastifyReply } from 'fastify'
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { isObject } from '../../base/realm.js'
import { show } from '../../base/show.js'
import type { TextResult } from '../../run/results.js'
import { toProblem } from '../answers.js'
import type { App } from '../instance.js'
import type { House } from '../house.js'
import { anything } from '../native/runs.js'
import { badRequest } from '../problem.js'
import { warn, warned } from '../warnings.js'
import { ask, ASKED, resultOf, seconds, type Asked } from './asked.js'
import { turnsOf } from './content.js'
import { checkType } from './known.js'
import { cut, sendSettled, Settled } from './settled.js'
import { checkNames, textRequest, type TextRequest, type TextRoute } from './text-request.js'
import { textUsage } from './usage.js'

const ROUTE: TextRoute = {
  where: 'chat/completions',
  lengthNames: ['max_completion_tokens', 'max_tokens'],
  handled: ['messages', 'model', 'stream', 'stream_options', 'n', 'response_format'],
  ignored:
    'audio frequency_penalty function_call functions logit_bias logprobs metadata min_p modalities moderation parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort repetition_penalty safety_identifier service_tier store tool_choice tools top_k top_logprobs top_p user verbosity web_search_options'.split(
      ' ',
    ),
}

const BODY = z.looseObject({
  messages: z.array(z.looseObject({ role: z.enum(['system', 'developer', 'user', 'assistant']), content: z.any() })),
  model: z.string().optional(),
  stream: z.boolean().optional(),
  max_completion_tokens: z.number().int().min(1).optional().describe('At most so many tokens; never more than the default length.'),
  temperature: z.number().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
})

export function chatRoutes(app: App, house: House): void {
  app.post(
    '/v1/chat/completions',
    {
      config: ASKED,
      schema: { tags: ['openai'], summary: 'A conversation about texts and pictures, as at OpenAI', body: BODY },
      validatorCompiler: anything,
    },
    async (request, reply) => {
      const body: unknown = request.body
      if (!isObject(body)) throw badRequest(`body: expected an object of fields, got ${show(body)}`)
      const warnings: string[] = []
      checkNames(body, ROUTE, warnings)
      checkAsked(body)
      const { model } = body as { model?: string }
      const served = house.models.get(model)
      const wish = textRequest(turnsOf(body['messages'], 'messages'), body, ROUTE, await served.info(), house.settings)
      const asked = await ask(house, request, reply, { served, ...wish })
      warnings.push(...asked.run.warnings)
      warn(reply, warnings)
      const head = { id: `chatcmpl-${randomUUID()}`, created: seconds(), model: model ?? served.name }
      if (body['stream'] !== true) return answer(asked, wish, { head, reply, warnings })
      const stream = house.streams.start(reply)
      const send = (data: object): Promise<void> => stream.send({ data: JSON.stringify(data) })
      const withUsage = isObject(body['stream_options']) && body['stream_options']['include_usage'] === true
      try {
        await streamed(asked, wish, { head, withUsage, warnings, send })
        await stream.send({ data: '[DONE]' })
      } catch (error) {
        await send(toProblem(error, request).body)
      }
      asked.done()
      stream.end()
      return reply
    },
  )
}

function checkAsked({ n, response_format: format, stream_options: telling, ...calls }: Readonly<Record<string, unknown>>): void {
  if (![undefined, null, 1].includes(n as number)) throw badRequest(`chat/completions: n must be 1, got ${show(n)}`, 'n')
  if (isObject(format) && format['type'] !== 'text')
    throw badRequest(
      `chat/completions: response_format must be text: no other can be promised, got ${show(format['type'])}`,
      'response_format',
    )
  if (isObject(telling)) checkType('chat/completions', 'stream_options.include_usage', telling['include_usage'], 'true or false')
  for (const name of ['tool_choice', 'function_call']) {
    if (![undefined, null, 'auto', 'none'].includes(calls[name] as string))
      throw badRequest(`chat/completions: ${name} must be auto or none: the model calls no tools, got ${show(calls[name])}`, name)
  }
}

interface Head {
  readonly id: string
  readonly created: number
  readonly model: string
}

interface Answering {
  readonly head: Head
  readonly reply: FastifyReply
  readonly warnings: readonly string[]
}

async function answer(asked: Asked, { stops }: TextRequest, { head, reply, warnings }: Answering): Promise<object> {
  try {
    const result = await resultOf<TextResult>(asked)
    const { text, stopped } = cut(result.text, stops)
    const message = { role: 'assistant', content: text, refusal: null }
    const choice = { index: 0, message, logprobs: null, finish_reason: stopped ? 'stop' : result.finishReason }
    const all = [...warnings, ...result.warnings]
    warn(reply, all)
    return { object: 'chat.completion', ...head, choices: [choice], usage: textUsage(result), ...warned(all) }
  } finally {
    asked.done()
  }
}

interface Streaming {
  readonly head: Head
  readonly withUsage: boolean
  readonly warnings: readonly string[]
  readonly send: (data: object) => Promise<void>
}

async function streamed(asked: Asked, { stops }: TextRequest, { head, withUsage, warnings, send }: Streaming): Promise<void> {
  const chunk = (delta: object, reason: string | null = null): object => ({
    object: 'chat.completion.chunk',
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...(withUsage && { usage: null }),
  })
  const settled = new Settled(stops)
  const sent = sendSettled(asked.run, settled, (content) => send(chunk({ content })))
  await send(chunk({ role: 'assistant', content: '' }))
  const result = await resultOf<TextResult>(asked)
  await sent()
  const rest = settled.next(result.text, true)
  if (rest !== '') await send(chunk({ content: rest }))
  const last = chunk({}, cut(result.text, stops).stopped ? 'stop' : result.finishReason)
  await send({ ...last, ...warned([...warnings, ...result.warnings]) })
  if (withUsage) await send({ object: 'chat.completion.chunk', ...head, choices: [], usage: textUsage(result) })
}
