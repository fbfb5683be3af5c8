// Requests for text: questions about pictures (`ask`) and conversations (`chat`), decoded block by block.
import { invalid } from '../base/errors.js'
import type { ChatMessage } from '../prompt/templates.js'
import * as validate from '../fields/validate.js'
import { checkPrompt, IMAGE_AREA_FIELD, PROMPT_FIELD } from './image.js'
import type { ImageAreaOption, ModelFacts } from './image.js'
import { isPicture, type ImageInput } from './pictures.js'
import { COMMON_FIELDS, defined, MAX_STEPS, resolveSampling, type CommonOptions, type ResolvedSampling } from './sampling.js'

export const MAX_LENGTH = 16_384
export const MAX_PICTURES = 64

/** Defaults where the checkpoint has none: those of the released script (docs/model.md#defaults). */
export const TEXT_DEFAULTS = { length: 1024, block: 256, steps: 128, guidance: 0, temperature: 0, image_area: 1024 } as const

export interface TextRequest extends CommonOptions {
  /** Tokens reserved for the answer, 1 to 16384; a multiple of `block`. Default: the checkpoint's, else 1024. */
  readonly length?: number
  /** Tokens decoded together; blocks follow each other. Default: the checkpoint's, else 256, at most `length`. */
  readonly block?: number
  /**
   * Decoding steps of all blocks together; a multiple of the number of blocks. Default: the checkpoint's, else 128, for its default
   * length; for another length as many steps a token, rounded up to a multiple of the blocks.
   */
  readonly steps?: number
  /** How strongly question and pictures pull, 0 to 100; 0 (default) computes no second branch. */
  readonly guidance?: number
  /** Which tokens a step fixes: the surest (default) or any. */
  readonly remasking?: 'confidence' | 'random'
  /** Also fixes every token surer than this (0 to 1) in the current block, so that fewer steps are needed. */
  readonly threshold?: number
  /** 'prefix' keeps keys and values of everything outside the current block within the block: faster, approximate. Default 'none'. */
  readonly reuse?: 'none' | 'prefix'
}

export interface UnderstandRequest extends TextRequest, ImageAreaOption {
  /** The question. */
  readonly prompt: string
  /** The pictures it is about, in order; 1 to 64. */
  readonly images: readonly ImageInput[]
}

export interface ChatRequest extends TextRequest {
  /** A conversation: a system message first if any, then user and assistant in turns, a user's last. */
  readonly messages: readonly ChatMessage[]
}

const TEXT_FIELDS = {
  ...COMMON_FIELDS,
  guidance: validate.number(0, 100, { help: 'how strongly the question pulls; 0: off' }),
  length: validate.integer(1, MAX_LENGTH, { help: 'tokens reserved for the answer, a multiple of block' }),
  block: validate.integer(1, MAX_LENGTH, { help: 'tokens decoded together' }),
  remasking: validate.oneOf(['confidence', 'random'], { help: 'which tokens a step fixes' }),
  threshold: validate.number(0, 1, { help: 'also fix every token surer than this' }),
  reuse: validate.oneOf(['none', 'prefix'], { help: 'prefix: keep what is outside the block, faster' }),
} satisfies validate.Fields

const PICTURE_ITEM = validate.anything('a picture (pixels, a path, a file: URL or the bytes of a file)', isPicture)
const MESSAGE_ITEM = validate.anything("{role: 'system'|'user'|'assistant', content: string}", isMessage)

export const TEXT_TASK_FIELDS = {
  understand: {
    prompt: PROMPT_FIELD,
    ...TEXT_FIELDS,
    images: validate.list(PICTURE_ITEM, MAX_PICTURES, { help: 'a picture; may be given several times', value: 'file' }),
    imageArea: IMAGE_AREA_FIELD,
  },
  chat: { ...TEXT_FIELDS, messages: validate.list(MESSAGE_ITEM, 4096) },
} satisfies Record<string, validate.Fields>

export const TEXT_REQUIRED = { understand: ['prompt', 'images'], chat: ['messages'] } as const

export interface TextRequests {
  readonly understand: UnderstandRequest
  readonly chat: ChatRequest
}
export type TextTask = keyof TextRequests

/** A request for text with nothing left open. */
export interface ResolvedText extends ResolvedSampling {
  readonly length: number
  readonly block: number
  readonly guidance: number
  readonly remasking: 'confidence' | 'random'
  readonly threshold?: number
  readonly reuse: 'none' | 'prefix'
  readonly imageArea: number | 'native'
}

function isMessage(value: unknown): value is ChatMessage {
  if (!validate.isObject(value)) return false
  const { role, content, ...more } = value as Record<string, unknown>
  return ['system', 'user', 'assistant'].includes(role as string) && typeof content === 'string' && Object.keys(more).length === 0
}

/** The checks that need no model. */
export function checkText<T extends TextTask>(task: T, request: TextRequests[T]): void {
  const where = task === 'understand' ? 'ask' : 'chat'
  const fields: validate.Fields = TEXT_TASK_FIELDS[task]
  validate.checkOptions(where, request, fields)
  validate.checkRequired(where, request, fields, TEXT_REQUIRED[task])
  if (request.reuse === 'prefix' && (request.cache ?? false) !== false) {
    throw invalid(`${where}: cache must not be given with reuse 'prefix': both keep rows of the same pass`)
  }
  if (task === 'chat') {
    checkMessages((request as ChatRequest).messages)
    return
  }
  const { prompt, images } = request as UnderstandRequest
  checkPrompt(where, prompt)
  if (images.length === 0) throw invalid('ask: images must be at least one picture, got none; for text alone there is chat')
}

function checkMessages(messages: readonly ChatMessage[]): void {
  const turns = messages[0]?.role === 'system' ? messages.slice(1) : messages
  const wrong = turns.findIndex(({ role }, i) => role !== (i % 2 === 0 ? 'user' : 'assistant'))
  if (wrong >= 0) {
    const expected = wrong % 2 === 0 ? 'user' : 'assistant'
    throw invalid(`chat: messages must take turns, a user's first: expected '${expected}', got '${turns[wrong]!.role}'`)
  }
  if (turns.length % 2 === 0) throw invalid(`chat: messages must end with a user's, got ${turns.length === 0 ? 'none' : "an assistant's"}`)
  validate.checkTextBytes('chat: messages', messages.map(({ content }) => content).join(''))
}

/** Fills in every default. Throws `request/invalid` for anything unknown, out of range, or that does not divide. */
export function resolveText<T extends TextTask>(task: T, request: TextRequests[T], facts: ModelFacts): ResolvedText {
  checkText(task, request)
  const where = task === 'understand' ? 'ask' : 'chat'
  const defaults = { ...TEXT_DEFAULTS, ...defined(facts.defaults.text ?? {}) }
  const length = request.length ?? defaults.length
  const block = request.block ?? Math.min(defaults.block, length)
  if (length % block !== 0) throw invalid(`${where}: length must be a multiple of block, got ${length} and ${block}`)
  const blocks = length / block
  if (blocks > MAX_STEPS) throw invalid(`${where}: length must be at most ${MAX_STEPS} blocks, got ${blocks} of ${block}`)
  const steps = request.steps ?? defaultSteps(length, blocks, defaults)
  if (steps % blocks !== 0) throw invalid(`${where}: steps must be a multiple of the ${blocks} blocks, got ${steps}`)
  const { imageArea = defaults.image_area } = request as ImageAreaOption
  const { guidance = defaults.guidance, remasking = 'confidence', threshold, reuse = 'none' } = request
  return {
    ...resolveSampling(request, defaults),
    steps,
    length,
    block,
    guidance,
    remasking,
    reuse,
    imageArea,
    ...(threshold !== undefined && { threshold }),
  }
}

function defaultSteps(length: number, blocks: number, defaults: { readonly length: number; readonly steps: number }): number {
  const wanted = Math.min((length * defaults.steps) / defaults.length, MAX_STEPS)
  return Math.min(Math.ceil(wanted / blocks), Math.floor(MAX_STEPS / blocks)) * blocks
}
