// Text to image: every cell is masked.
import { textBranches } from '../prompt/layout.js'
import { textedPrompts } from '../prompt/templates.js'
import type { ResolvedTextToImage } from '../requests/text-to-image.js'
import type { RunOptions } from '../run/options.js'
import type { ImagePlan, TaskModel } from './context.js'
import { imagePlan } from './image-plan.js'
import { mapMaybe, promptIds } from './prompt-ids.js'

export function planTextToImage(resolved: ResolvedTextToImage, options: RunOptions, model: TaskModel): ImagePlan | Promise<ImagePlan> {
  const { scale } = model.info
  const grid = { rows: resolved.height / scale, columns: resolved.width / scale }
  return mapMaybe(promptIds(textedPrompts('generate', resolved.prompt), model.coder()), (ids) => {
    const branches = textBranches(ids, resolved.guidance.text, model.info)
    return imagePlan({ task: 'text-to-image', resolved, branches, ...grid }, options, model)
  })
}
