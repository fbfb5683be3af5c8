// A checkpoint as the addon has opened it, to be run or only to be planned for: what it says of itself, and its tokenizer.
import { DimooError, fromNative } from '../base/errors.js'
import type { Progress } from '../base/progress.js'
import { quote } from '../base/show.js'
import { binding, type NativeLoadOptions, type NativeModel } from '../native/binding.js'
import { readInfo, type ModelInfo } from '../native/info.js'
import { settle, toProgress } from '../native/job.js'
import { TextCoder } from '../prompt/text.js'
import { readPresets } from './presets.js'
import { embeddedModel } from './source.js'
import type { LoadOptions } from './types.js'

export interface Opened {
  readonly native: NativeModel
  readonly info: ModelInfo
  /** Undefined where the checkpoint has no tokenizer. */
  readonly text: TextCoder | undefined
}

/** What is opened. `device` is one that there is. */
export interface Opening {
  readonly path: string
  readonly device: string
  readonly use: 'runs' | 'plans'
  /** As it was given, before it was converted. */
  readonly given?: string
}

export interface OpeningControl {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export async function openModel(opening: Opening, options: LoadOptions, { signal, onProgress }: OpeningControl): Promise<Opened> {
  const asked = JSON.stringify(toNative(opening, options))
  const native = await settle(() => binding().load(asked, toProgress(onProgress)), signal)
  // A model whose tokenizer is no good must not stay open.
  try {
    const embedded = (opening.given ?? opening.path) === embeddedModel
    const found = readInfo(native, { embedded, compat: options.compat ?? 'none' })
    const info = { ...found, presets: readPresets(found.defaults) }
    const json = native.tokenizerJson()
    return { native, info, text: json === '' ? undefined : new TextCoder(json) }
  } catch (error) {
    await settle(() => native.close())
    throw fromNative(error)
  }
}

function toNative({ path, device, use }: Opening, options: LoadOptions): NativeLoadOptions {
  const { precision = 'fast', threads = 0, verify = 'sizes' } = options
  // Who may come in and how long they may wait is this side's (admission.ts): the addon takes whoever comes.
  const scheduler = { ...options.scheduler, maxQueue: Number.MAX_SAFE_INTEGER, maxQueueMs: undefined }
  return { source: path, device, precision, threads, verify, ...options.memory, ...scheduler, ...(use === 'plans' && { use }) }
}

/** Throws `model/unsupported` for a model without a tokenizer. */
export function coderOf({ text, info }: Pick<Opened, 'text' | 'info'>): TextCoder {
  if (text) return text
  throw new DimooError('model/unsupported', `model ${quote(info.name)}: expected a tokenizer in its file, got none`)
}
