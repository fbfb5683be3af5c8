// Picture to picture: given pictures stand in the prompt, every cell of the output is masked. The output's grid is that of the last
// picture: the only one, or the reference of style.
import type { ImageInput, RawImage } from '../fields/values.js'
import { imageBranches, imageTokens } from '../prompt/layout.js'
import { mapPrompts, stylePrompts, textedPrompts, viewPrompts, type Prompts } from '../prompt/templates.js'
import type { ResolvedTransform } from '../requests/transform.js'
import type { RunOptions } from '../requests/types/index.js'
import type { ImageEngineRequest, TaskModel } from './engine-request.js'
import { imageRequest } from './images.js'
import { cropOf, drawEdges, encode, givenPicture } from './pictures.js'
import { callerText, promptIds } from './prompt-ids.js'

export async function layOutTransform(
  resolved: ResolvedTransform,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<ImageEngineRequest> {
  const ids = await promptIds(promptsOf(resolved, model), model, signal)
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

function promptsOf(resolved: ResolvedTransform, model: TaskModel): Prompts {
  const { task, map, view } = resolved
  const text = callerText(resolved.prompt, resolved, model)
  if (task === 'view') return viewPrompts(callerText(view!, resolved, model))
  if (task === 'style') return stylePrompts()
  if (task !== 'predict') return textedPrompts(task, text)
  // The original's `*_pred` edit types fall through to its generic prompt.
  return model.info.compat === 'reference' ? textedPrompts('generic', text) : mapPrompts(map!)
}
