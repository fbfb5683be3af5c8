// What a task needs of its model, and what it makes of a request: everything that the engine is told, and the facts that the run's steps
// and its result need. It can be written down (lib/snapshot), so a resumed run is put together the same way.
import type { RawImage } from '../fields/values.js'
import type { NativeImageRequest, NativeModel, NativeTextRequest } from '../native/binding.js'
import type { ModelInfo } from '../native/info.js'
import type { ImageParameters } from '../parameters/parameters.js'
import type { TextCoder } from '../prompt/text.js'
import type { ImageTask, TextTask } from '../requests/names.js'
import type { RunOptions } from '../requests/types/index.js'

export interface TaskModel {
  readonly info: ModelInfo
  /** Throws `disposed` once the model is closed. */
  readonly native: () => NativeModel
  /** Throws `model/unsupported` for a model without a tokenizer. */
  readonly coder: () => TextCoder
  /** Drafts of the codes, asked for once. */
  readonly previewTable: () => Promise<Uint8Array>
  /** Of one run: what its pictures were read as, so that each is read once though the run is planned before it is laid out. */
  readonly given?: GivenPictures
}

/** By what was given, then by how it was read. */
export type GivenPictures = Map<unknown, Map<string, Promise<unknown>>>

/** Whose pixels come back where nothing was masked. */
export interface Composite {
  readonly feather: number
  /** The given picture at the size of the output. */
  readonly original: RawImage
}

export interface ImageEngineRequest {
  readonly task: ImageTask
  readonly native: NativeImageRequest
  readonly promptTokens: number
  /** How many of the pictures that are decoded together are returned. */
  readonly n: number
  /** They are judged, and the best returned. */
  readonly judged: boolean
  /** Of every picture, but for its seed. */
  readonly parameters: Omit<ImageParameters, 'seed'>
  readonly composite?: Composite
}

export interface TextEngineRequest {
  readonly task: TextTask
  readonly native: NativeTextRequest
  readonly promptTokens: number
}

export type EngineRequest = ImageEngineRequest | TextEngineRequest

export function isImages(request: EngineRequest): request is ImageEngineRequest {
  return request.native.kind === 'image'
}

/** How the addon is to treat a run: who waits for it, and in which order. */
export function runFields({
  priority = 0,
  tag = '',
  delivery = 'latest',
  buffer = 1,
}: RunOptions): Pick<NativeImageRequest, 'priority' | 'tag' | 'delivery' | 'buffer'> {
  return { priority, tag, delivery, buffer }
}

/** Ids that end an answer: the first one is what the original's early stop looks for. */
export function endIds({ info, coder }: TaskModel): Int32Array {
  const turn = coder().addedId('<|eot_id|>')
  return Int32Array.from([info.tokens.endOfText, info.tokens.answerEnd, turn ?? -1].filter((id) => id >= 0))
}
