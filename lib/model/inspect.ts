// What a checkpoint holds, without loading it.
import { runJob } from '../native/job.js'
import { findSource, type ModelSource } from './source.js'
import type { InspectOptions } from './types.js'
import { checkOptions } from '../fields/check.js'
import { INSPECT_FIELDS } from './options.js'

/** What a checkpoint holds, by its files. */
export interface InspectReport {
  readonly format: 'gguf' | 'safetensors'
  readonly architecture: string
  readonly path: string
  readonly bytes: number
  /** Hyperparameters and metadata, by the file's own names. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Shapes from the outermost dimension to the innermost. */
  readonly tensors: readonly {
    readonly name: string
    readonly type: string
    readonly shape: readonly number[]
    readonly bytes: number
  }[]
  readonly types: Readonly<Record<string, { readonly count: number; readonly bytes: number }>>
  readonly parameters: number
  /** Present when asked for: whether every weight is a finite number. */
  readonly verify?: {
    readonly ok: boolean
    readonly nonFinite: readonly { readonly tensor: string; readonly count: number }[]
    /** Weights that hold nothing but zeros. */
    readonly zeros: readonly string[]
  }
}

/** Reads headers only, unless `verify`. Rejects with `model/*` for what is no good model. */
export async function inspectModel(source?: ModelSource, options: InspectOptions = {}): Promise<InspectReport> {
  checkOptions('inspectModel', options, { fields: INSPECT_FIELDS })
  const { verify = false, signal } = options
  return runJob('inspect', { source: await findSource(source, { signal }), verify }, { signal })
}
