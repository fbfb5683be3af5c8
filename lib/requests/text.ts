// Requests for text: questions about pictures (`ask`) and conversations (`chat`), decoded block by block.
import { invalid } from '../base/errors.js'
import { checkTextBytes } from '../fields/check.js'
import { choice, group, integer, list, number, picture, text, type Fields } from '../fields/field.js'
import type { ImageInput } from '../fields/values.js'
import { defined, TEXT_DEFAULTS, type ModelFacts } from './defaults.js'
import type { TaskDescriptor } from './descriptor.js'
import { imageArea, promptField, SPECIAL_TOKENS } from './image.js'
import { PRESET } from './presets.js'
import { CACHE, MAX_STEPS, PREFIX_REUSE, resolveSampling, samplingFields, type ResolvedSampling } from './sampling.js'
import type { AskRequest, ChatMessage, ChatRequest } from './types/index.js'

export const MAX_LENGTH = 16_384
export const MAX_PICTURES = 64

const { steps: STEPS, ...SAMPLING } = samplingFields(
  {
    words: "the checkpoint's, else 128, for its default length; as many a token for another length, rounded up to a multiple of the blocks",
  },
  { checkpoint: 'text.temperature', else: TEXT_DEFAULTS.temperature },
)

const TEXT_FIELDS: Fields = {
  specialTokens: SPECIAL_TOKENS,
  preset: PRESET,
  steps: { ...STEPS!, summary: 'Decoding steps of all blocks together, each one forward pass; a multiple of the number of blocks.' },
  ...SAMPLING,
  guidance: number(0, 100, {
    summary: 'How strongly question and pictures pull; 0 computes no second branch.',
    default: { checkpoint: 'text.guidance', else: TEXT_DEFAULTS.guidance },
    flag: { help: 'how strongly the question pulls; 0: off' },
  }),
  cache: CACHE,
  reuse: PREFIX_REUSE,
  length: integer(1, MAX_LENGTH, {
    summary: 'Tokens reserved for the answer, a multiple of `block`.',
    unit: 'tokens',
    default: { checkpoint: 'text.length', else: TEXT_DEFAULTS.length },
    flag: { help: 'tokens reserved for the answer, a multiple of block' },
  }),
  block: integer(1, MAX_LENGTH, {
    summary: 'Tokens decoded together; blocks follow each other.',
    unit: 'tokens',
    default: { checkpoint: 'text.block', else: TEXT_DEFAULTS.block },
    flag: { help: 'tokens decoded together' },
  }),
  remasking: choice(['confidence', 'random'], {
    summary: 'Which tokens a step fixes: the surest, or any.',
    default: { value: 'confidence' },
    flag: { help: 'which tokens a step fixes' },
  }),
  threshold: number(0, 1, {
    summary: 'Also fixes every token surer than this in the current block, so that fewer steps are needed.',
    flag: { help: 'also fix every token surer than this' },
  }),
}

export const ASK: TaskDescriptor = {
  name: 'ask',
  type: 'AskRequest',
  summary: 'Answers a question about pictures.',
  result: 'text',
  fields: {
    prompt: promptField('The question.'),
    ...TEXT_FIELDS,
    images: list(picture({ summary: 'A picture.' }), {
      min: 1,
      max: MAX_PICTURES,
      empty: 'at least one picture, got none; for text alone there is chat',
      summary: 'The pictures it is about, in order.',
      flag: { value: 'file', help: 'a picture; may be given several times' },
    }),
    imageArea: imageArea({ checkpoint: 'text.imageArea', else: TEXT_DEFAULTS.imageArea }),
  },
  required: ['prompt', 'images'],
  argument: { field: 'prompt', words: 'the question' },
  example: "const { text } = await model.ask({ prompt: 'What color is the circle?', images: [image] }).result()",
  commands: [
    'dimoo ask "What color is the circle?" --image circle.png',
    'dimoo ask "What has changed?" --image before.png --image after.png --model lumina.gguf',
    'dimoo ask "Please describe this image." --image circle.png --reuse prefix --threshold 0.9    faster, approximate',
    'dimoo ask "How many objects are there?" --image circle.png --json                            the last line holds the text',
  ],
}

const MESSAGE = group(
  {
    role: choice(['system', 'user', 'assistant'], { summary: 'Who says it.' }),
    content: text({ summary: 'What is said.' }),
  },
  {
    type: 'ChatMessage',
    required: ['role', 'content'],
    summary: 'One message.',
    rule: "{role: 'system'|'user'|'assistant', content: string}",
  },
)

export const CHAT: TaskDescriptor = {
  name: 'chat',
  type: 'ChatRequest',
  summary: 'Continues a conversation.',
  result: 'text',
  fields: {
    ...TEXT_FIELDS,
    messages: list(MESSAGE, {
      max: 4096,
      summary: "The conversation: a system message first if any, then user and assistant in turns, a user's last.",
      flag: { form: 'none' },
    }),
    images: list(picture({ summary: 'A picture.' }), {
      max: MAX_PICTURES,
      summary: "Pictures that it is about, in order; they stand where `ask` has them, at the end of the last user's message.",
      default: { words: 'none' },
      flag: { value: 'file', help: 'a picture; may be given several times' },
    }),
    imageArea: imageArea({ checkpoint: 'text.imageArea', else: TEXT_DEFAULTS.imageArea }),
  },
  required: ['messages'],
  argument: { field: 'messages', words: 'what to say; without one, a conversation or stdin', optional: true },
  example:
    "const { text: said } = await model.chat({ messages: [{ role: 'user', content: 'There is a red circle and a blue square. What color is the circle?' }] }).result()",
  commands: [
    'dimoo chat --model lumina.gguf',
    'dimoo chat "What is a discrete diffusion model?" --model lumina.gguf --system "Answer in one sentence."',
    'echo "Summarise: ..." | dimoo chat --model lumina.gguf --json',
  ],
}

/** A request for text with nothing left open. */
export interface ResolvedTextBase extends ResolvedSampling {
  readonly length: number
  readonly block: number
  readonly guidance: number
  readonly remasking: 'confidence' | 'random'
  readonly threshold?: number
}

export interface ResolvedAsk extends ResolvedTextBase {
  readonly task: 'ask'
  readonly prompt: string
  readonly images: readonly ImageInput[]
  readonly imageArea: number | 'native'
}

export interface ResolvedChat extends ResolvedTextBase {
  readonly task: 'chat'
  readonly messages: readonly ChatMessage[]
  readonly images: readonly ImageInput[]
  readonly imageArea: number | 'native'
}

export type ResolvedText = ResolvedAsk | ResolvedChat

export function resolveAsk(request: AskRequest, facts: ModelFacts): ResolvedAsk {
  const { prompt, images } = request
  return { task: 'ask', ...resolveText('ask', request, facts), prompt, images, imageArea: areaOf(request, facts) }
}

export function resolveChat(request: ChatRequest, facts: ModelFacts): ResolvedChat {
  checkTurns(request.messages)
  const { messages, images = [] } = request
  return { task: 'chat', ...resolveText('chat', request, facts), messages, images, imageArea: areaOf(request, facts) }
}

const areaOf = ({ imageArea: area }: Pick<AskRequest, 'imageArea'>, { defaults }: ModelFacts): number | 'native' =>
  area ?? defaults.text?.imageArea ?? TEXT_DEFAULTS.imageArea

function checkTurns(messages: readonly ChatMessage[]): void {
  const first = messages[0]?.role === 'system' ? 1 : 0
  const turns = messages.slice(first)
  const wrong = turns.findIndex(({ role }, i) => role !== (i % 2 === 0 ? 'user' : 'assistant'))
  if (wrong >= 0) {
    const expected = wrong % 2 === 0 ? 'user' : 'assistant'
    const place = `messages[${wrong + first}].role`
    throw invalid(`chat: messages must take turns, a user's first: expected '${expected}', got '${turns[wrong]!.role}' (${place})`)
  }
  if (turns.length % 2 === 0) throw invalid(`chat: messages must end with a user's, got ${turns.length === 0 ? 'none' : "an assistant's"}`)
  checkTextBytes('chat: messages', messages.map(({ content }) => content).join(''))
}

// Throws `request/invalid` for what does not divide.
function resolveText(where: string, request: AskRequest | ChatRequest, facts: ModelFacts): ResolvedTextBase {
  const defaults = { ...TEXT_DEFAULTS, ...defined(facts.defaults.text ?? {}) }
  const length = request.length ?? defaults.length
  const block = request.block ?? Math.min(defaults.block, length)
  if (length % block !== 0) throw invalid(`${where}: length must be a multiple of block, got ${length} and ${block}`)
  const blocks = length / block
  if (blocks > MAX_STEPS) throw invalid(`${where}: length must be at most ${MAX_STEPS} blocks, got ${blocks} of ${block}`)
  const steps = request.steps ?? defaultSteps(length, blocks, defaults)
  if (steps % blocks !== 0) throw invalid(`${where}: steps must be a multiple of the ${blocks} blocks, got ${steps}`)
  const { guidance = defaults.guidance, remasking = 'confidence', threshold } = request
  return {
    ...resolveSampling(where, request, defaults),
    steps,
    length,
    block,
    guidance,
    remasking,
    ...(threshold !== undefined && { threshold }),
  }
}

function defaultSteps(length: number, blocks: number, defaults: { readonly length: number; readonly steps: number }): number {
  const wanted = Math.min((length * defaults.steps) / defaults.length, MAX_STEPS)
  return Math.min(Math.ceil(wanted / blocks), Math.floor(MAX_STEPS / blocks)) * blocks
}
