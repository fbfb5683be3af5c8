// Picture to picture: given pictures stand in the prompt, every cell of the output is masked. The output's grid is that of the last
// picture: the only one, or the reference of style.
import type { ImageInput, RawImage } from '../fields/values.js'
import { imageBranches, imageTokens } from '../prompt/layout.js'
import { mapPrompts, stylePrompts, textedPrompts, viewPrompts, type Prompts } from '../prompt/templates.js'
import type { ResolvedTransform } from '../requests/transform.js'
import type { RunOptions } from '../requests/types.js'
import type { ImageEngineRequest, TaskModel } from './engine-request.js'
import { imageRequest } from './images.js'
import { cropOf, drawEdges, encode, givenPicture } from './pictures.js'
import { promptIds } from './prompt-ids.js'

export async function layOutTransform(
  resolved: ResolvedTransform,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<ImageEngineRequest> {
  const ids = await promptIds(promptsOf(resolved, model), model.coder())
  const names = ['image', 'style']
  const pictures = await Promise.all(resolved.pictures.map((input, i) => picture(input, names[i]!, resolved, model, signal)))
  const coded = await Promise.all(pictures.map((image) => encode(image, model, signal)))
  const images = coded.map((image) => imageTokens(image, model.info))
  const branches = imageBranches(ids, images, resolved.guidance, model.info)
  const { width, height } = coded.at(-1)!
  return imageRequest({ resolved, branches, grid: { width, height }, own: resolved.own }, options, model)
}

async function picture(
  input: ImageInput,
  field: string,
  { edges, imageArea, seed }: ResolvedTransform,
  model: TaskModel,
  signal: AbortSignal,
): Promise<RawImage> {
  const image = await givenPicture(input, { ...cropOf(imageArea, seed, model), field, use: 'edit' }, model, signal)
  return edges ? drawEdges(image, signal) : image
}

function promptsOf({ task, prompt, map, view }: ResolvedTransform, { info }: TaskModel): Prompts {
  if (task === 'view') return viewPrompts(view!)
  if (task === 'style') return stylePrompts()
  if (task !== 'predict') return textedPrompts(task, prompt)
  // The original's `*_pred` edit types fall through to its generic prompt.
  return info.compat === 'reference' ? textedPrompts('generic', prompt) : mapPrompts(map!)
}
