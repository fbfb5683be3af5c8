// Picture to picture: given pictures stand in the prompt, every cell of the output is masked. The output's grid is that of the last
// picture: the only one, or the reference of style.
import type { RawImage } from '../image/raw.js'
import { imageBranches, imageTokens } from '../prompt/layout.js'
import { mapPrompts, stylePrompts, textedPrompts, viewPrompts, type Prompts } from '../prompt/templates.js'
import type { ResolvedImage } from '../requests/image.js'
import type { ImageInput } from '../requests/pictures.js'
import type { ControlRequest, EditRequest, PredictRequest, StyleRequest, TransformTask, ViewRequest } from '../requests/transform.js'
import type { RunOptions } from '../run/options.js'
import type { Compat, ImagePlan, TaskModel } from './context.js'
import { imagePlan } from './image-plan.js'
import { cropOf, drawEdges, encode, givenPicture } from './pictures.js'
import { promptIds } from './prompt-ids.js'

/** All fields that any of these tasks has. */
export type TransformRequest = { readonly image: ImageInput } & Partial<
  EditRequest & ControlRequest & PredictRequest & StyleRequest & ViewRequest
>

export async function planTransform(
  task: TransformTask,
  request: TransformRequest,
  resolved: ResolvedImage,
  options: RunOptions,
  model: TaskModel,
  signal: AbortSignal,
): Promise<ImagePlan> {
  const ids = await promptIds(promptsOf(task, request, resolved.prompt, model.compat), model.coder())
  const inputs = request.style === undefined ? [request.image] : [request.image, request.style]
  const pictures = await Promise.all(inputs.map((input) => picture(input, request, resolved, model, signal)))
  const coded = await Promise.all(pictures.map((image) => encode(image, model, signal)))
  const images = coded.map((image) => imageTokens(image, model.info))
  const branches = imageBranches(ids, images, resolved.guidance, model.info)
  const { rows, columns } = coded.at(-1)!
  const { kind, control, source, map, view } = request
  return imagePlan({ task, resolved, branches, rows, columns, options: { kind, control, source, map, view } }, options, model)
}

async function picture(
  input: ImageInput,
  { source }: TransformRequest,
  { imageArea, seed }: ResolvedImage,
  model: TaskModel,
  signal: AbortSignal,
): Promise<RawImage> {
  const image = await givenPicture(input, cropOf(imageArea!, seed, model), model, signal)
  return source === 'photo' ? drawEdges(image, signal) : image
}

function promptsOf(task: TransformTask, { map, view }: TransformRequest, prompt: string, compat: Compat): Prompts {
  if (task === 'view') return viewPrompts(view!)
  if (task === 'style') return stylePrompts()
  if (task !== 'predict') return textedPrompts(task, prompt)
  // The original's `*_pred` edit types fall through to its generic prompt.
  return compat === 'reference' ? textedPrompts('generic', prompt) : mapPrompts(map!)
}
