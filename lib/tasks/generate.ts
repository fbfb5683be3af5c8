// Text to image: every cell is masked.
import { textBranches } from '../prompt/layout.js'
import { textedPrompts, type Prompts } from '../prompt/templates.js'
import type { ResolvedGenerate } from '../requests/generate.js'
import type { RunOptions } from '../requests/types/index.js'
import type { ImageEngineRequest, TaskModel } from './engine-request.js'
import { imageRequest } from './images.js'
import { callerText, flatMaybe, promptIds } from './prompt-ids.js'

export function generatePrompts(resolved: ResolvedGenerate, model: TaskModel): Prompts {
  return textedPrompts('generate', callerText(resolved.prompt, resolved, model))
}

export function layOutGenerate(
  resolved: ResolvedGenerate,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): ImageEngineRequest | Promise<ImageEngineRequest> {
  const { scale } = model.info
  const grid = { width: resolved.width / scale, height: resolved.height / scale }
  return flatMaybe(promptIds(generatePrompts(resolved, model), model, signal), (ids) => {
    const branches = textBranches(ids, resolved.guidance.text, model.info)
    return imageRequest({ resolved, branches, grid }, options, model)
  })
}
