// Text to image: every cell is masked.
import { textBranches } from '../prompt/layout.js'
import { textedPrompts } from '../prompt/templates.js'
import type { ResolvedGenerate } from '../requests/generate.js'
import type { RunOptions } from '../requests/types.js'
import type { ImageEngineRequest, TaskModel } from './engine-request.js'
import { imageRequest } from './images.js'
import { flatMaybe, promptIds } from './prompt-ids.js'

export function layOutGenerate(
  resolved: ResolvedGenerate,
  options: RunOptions,
  model: TaskModel,
): ImageEngineRequest | Promise<ImageEngineRequest> {
  const { scale } = model.info
  const grid = { width: resolved.width / scale, height: resolved.height / scale }
  return flatMaybe(promptIds(textedPrompts('generate', resolved.prompt), model.coder()), (ids) => {
    const branches = textBranches(ids, resolved.guidance.text, model.info)
    return imageRequest({ resolved, branches, grid }, options, model)
  })
}
