// Answers: questions about pictures and conversations. The target is masked tokens between <answer> and </answer>.
import type { NativeTextRequest } from '../native/binding.js'
import { answerBranches, doubledImageTokens, imageTokens } from '../prompt/layout.js'
import type { PromptText } from '../prompt/prompt-text.js'
import { askPrompt, chatPrompt, lladaPrompt } from '../prompt/templates.js'
import { seedsFrom } from '../requests/sampling.js'
import type { ResolvedAsk, ResolvedChat, ResolvedText } from '../requests/text.js'
import type { RunOptions } from '../requests/types/index.js'
import { endIds, runFields, type TaskModel, type TextEngineRequest } from './engine-request.js'
import { cropOf, encode, givenPicture } from './pictures.js'
import { callerText, flatMaybe } from './prompt-ids.js'

export function chatText(resolved: ResolvedChat, model: TaskModel): PromptText {
  const template = model.info.tokens.answerBegin < 0 ? lladaPrompt : chatPrompt
  return template(resolved.messages.map(({ role, content }) => ({ role, content: callerText(content, resolved, model) })))
}

export function layOutChat(
  resolved: ResolvedChat,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): TextEngineRequest | Promise<TextEngineRequest> {
  if (resolved.images.length > 0) return withPictures(chatText(resolved, model), resolved, options, model, signal)
  return flatMaybe(model.coder().encode(chatText(resolved, model), signal), (prompt) => textRequest(prompt, [], resolved, options, model))
}

export function layOutAsk(resolved: ResolvedAsk, options: RunOptions, model: TaskModel, signal: AbortSignal): Promise<TextEngineRequest> {
  return withPictures(askPrompt(callerText(resolved.prompt, resolved, model)), resolved, options, model, signal)
}

async function withPictures(
  text: PromptText,
  resolved: ResolvedText,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<TextEngineRequest> {
  const prompt = await model.coder().encode(text, signal)
  const crop = cropOf(resolved.imageArea, resolved.seed, model)
  const lay = model.info.compat === 'reference' ? doubledImageTokens : imageTokens
  const images: Int32Array[] = []
  // One after the other: the pictures of a request may be many and large.
  for (const [i, input] of resolved.images.entries()) {
    const image = await givenPicture(input, { ...crop, field: `images[${i}]`, use: 'question' }, model, signal)
    images.push(lay(await encode(image, model, signal), model.info))
  }
  return textRequest(prompt, images, resolved, options, model)
}

function textRequest(
  prompt: Int32Array,
  images: readonly Int32Array[],
  resolved: ResolvedText,
  options: RunOptions,
  model: TaskModel,
): TextEngineRequest {
  const { task, steps, temperature, seed, reuse, length, block, remasking, threshold } = resolved
  const { prefixes, suffixes, guidance, promptTokens } = answerBranches(prompt, images, resolved.guidance, model.info)
  const native: NativeTextRequest = {
    kind: 'text',
    prefixes,
    suffixes,
    guidance,
    seeds: seedsFrom(seed, 1),
    steps,
    temperature,
    length,
    block,
    remasking,
    reuse: reuse.kind === 'prefix' ? 'prefix' : 'none',
    ends: endIds(model),
    compat: model.info.compat,
    ...(reuse.kind === 'mlCache' && { cache: { ratio: reuse.ratio, warmup: reuse.warmup, refresh: reuse.refresh } }),
    ...(threshold !== undefined && { threshold }),
    ...runFields(options),
  }
  return { task, native, promptTokens }
}
