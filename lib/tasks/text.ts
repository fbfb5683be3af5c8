// Answers: questions about pictures and conversations. The target is masked tokens between <answer> and </answer>.
import type { NativeTextRequest } from '../native/binding.js'
import { answerBranches, doubledImageTokens, imageTokens } from '../prompt/layout.js'
import { chatPrompt, lladaPrompt, understandPrompt } from '../prompt/templates.js'
import { seedsFrom } from '../requests/sampling.js'
import type { ChatRequest, ResolvedText, TextTask, UnderstandRequest } from '../requests/text.js'
import type { RunOptions } from '../run/options.js'
import { endIds, runFields, type TaskModel, type TextPlan } from './context.js'
import { cropOf, encode, givenPicture } from './pictures.js'
import { mapMaybe } from './prompt-ids.js'

export function planText(
  task: TextTask,
  request: UnderstandRequest | ChatRequest,
  resolved: ResolvedText,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): TextPlan | Promise<TextPlan> {
  const coder = model.coder()
  if ('messages' in request) {
    const template = model.info.tokens.answer_begin < 0 ? lladaPrompt : chatPrompt
    return mapMaybe(coder.encode(template(request.messages)), (prompt) => textPlan(task, prompt, [], resolved, options, model))
  }
  return planQuestion(request, resolved, options, model, signal)
}

async function planQuestion(
  request: UnderstandRequest,
  resolved: ResolvedText,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<TextPlan> {
  const prompt = await model.coder().encode(understandPrompt(request.prompt))
  const crop = cropOf(resolved.imageArea, resolved.seed, model)
  const lay = model.compat === 'reference' ? doubledImageTokens : imageTokens
  const images: Int32Array[] = []
  // One after the other: the pictures of a request may be many and large.
  for (const input of request.images) {
    const image = await givenPicture(input, crop, model, signal, 'question')
    images.push(lay(await encode(image, model, signal), model.info))
  }
  return textPlan('understand', prompt, images, resolved, options, model)
}

function textPlan(
  task: TextTask,
  prompt: Int32Array,
  images: readonly Int32Array[],
  resolved: ResolvedText,
  options: RunOptions,
  model: TaskModel,
): TextPlan {
  const { steps, temperature, seed, cache, length, block, remasking, threshold, reuse } = resolved
  const { prefixes, suffixes, guidance, promptTokens } = answerBranches(prompt, images, resolved.guidance, model.info)
  const request: NativeTextRequest = {
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
    reuse,
    ends: endIds(model),
    compat: model.compat,
    ...(cache && { cache }),
    ...(threshold !== undefined && { threshold }),
    ...runFields(options),
  }
  return { task, request, promptTokens }
}
