// What a task needs of its model, and what it makes of a request: the complete native request and the facts that its steps and its
// result need. Both can be written down (lib/snapshot), so a resumed run is put together the same way.
import type { NativeImageRequest, NativeModel, NativeTextRequest } from '../native/binding.js'
import type { ImageParameters } from '../parameters/parameters.js'
import type { RawImage } from '../image/raw.js'
import type { ModelInfo } from '../native/info.js'
import type { TextCoder } from '../prompt/text.js'
import type { RunOptions } from '../run/options.js'
import type { ImageTask } from '../parameters/parameters.js'
import type { TextTask } from '../requests/text.js'

export type Compat = 'none' | 'reference'

export interface TaskModel {
  readonly info: ModelInfo
  readonly compat: Compat
  readonly maxQueueMs: number | undefined
  /** Throws `disposed` once the model is closed. */
  readonly native: () => NativeModel
  /** Throws `model/unsupported` for a model without a tokenizer. */
  readonly coder: () => TextCoder
  /** Drafts of the codes, asked for once. */
  readonly previewTable: () => Promise<Uint8Array>
}

/** Whose pixels come back where nothing was masked. */
export interface Composite {
  readonly feather: number
  /** The given picture at the size of the output. */
  readonly original: RawImage
}

export interface ImagePlan {
  readonly task: ImageTask
  readonly request: NativeImageRequest
  readonly promptTokens: number
  /** How many of the pictures that are decoded together are returned. */
  readonly n: number
  /** They are judged, and the best returned. */
  readonly judged: boolean
  /** Of every picture, but for its seed. */
  readonly parameters: Omit<ImageParameters, 'seed'>
  readonly composite?: Composite
}

export interface TextPlan {
  readonly task: TextTask
  readonly request: NativeTextRequest
  readonly promptTokens: number
}

export type TaskPlan = ImagePlan | TextPlan

export function isImagePlan(plan: TaskPlan): plan is ImagePlan {
  return plan.request.kind === 'image'
}

/** How the addon is to treat a run: who waits for it, and in which order. */
export function runFields({
  priority = 0,
  tag = '',
  delivery = 'latest',
  buffer = 1,
}: RunOptions): Pick<NativeImageRequest, 'priority' | 'tenant' | 'delivery' | 'buffer'> {
  return { priority, tenant: tag, delivery, buffer }
}

/** Ids that end an answer: the first one is what the original's early stop looks for. */
export function endIds({ info, coder }: TaskModel): Int32Array {
  const turn = coder().addedId('<|eot_id|>')
  return Int32Array.from([info.tokens.end_of_text, info.tokens.answer_end, turn ?? -1].filter((id) => id >= 0))
}
