// A checkpoint back in the layout in which models are published, the inverse of `convert`: for other tools, and for training on.
import path from 'node:path'
import { checkOptions } from '../fields/check.js'
import { runJob } from '../native/job.js'
import { checkOutput } from './convert.js'
import { EXPORT_FIELDS } from './options.js'
import { findSource, type ModelSource } from './source.js'
import type { ExportOptions } from './types.js'

/** What an export wrote. */
export interface ExportReport {
  readonly tensors: number
  /** Of the tensors. */
  readonly bytes: number
  /** How many safetensors files; the transformer is split where it is larger than 5 GiB. */
  readonly files: number
  readonly seconds: number
}

/**
 * Writes a file or folder as a folder in the Hugging Face layout: `config.json`, safetensors, `tokenizer.json`, `generation_config.json` and
 * `vqvae/`. The folder must not exist yet or be empty. Rejects with `model/*`, `output/failed`, or `signal.reason`.
 *
 * @example
 * await exportModel('lumina.gguf', './lumina')
 */
export async function exportModel(source: ModelSource | undefined, folder: string, options: ExportOptions = {}): Promise<ExportReport> {
  checkOptions('export', options, { fields: EXPORT_FIELDS })
  checkOutput('export', folder)
  const { type, signal, onProgress } = options
  return runJob('export', { source: await findSource(source, options), output: path.resolve(folder), type }, { signal, onProgress })
}
