// Flags of every command that runs a model, and the model for as long as the command needs it.
import type { Command } from 'commander'
import { loadModel } from '../model/load.js'
import { LOAD_FIELDS } from '../model/options.js'
import type { LoadOptions } from '../model/types.js'
import type { DimooModel } from '../model/model.js'
import type { Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import type { Reporter } from './progress.js'
import { withDownloads } from './transfer.js'

export interface ModelFlags {
  readonly model?: string
  readonly json?: boolean
}

/** What `--model` means where it is left out. */
export const MODEL_HELP =
  'a .gguf file, a folder as published, or hf:owner/repo (default: DIMOO_MODEL, else the miniature inside the package)'

/** The model that is named by a flag, else by the variable DIMOO_MODEL; undefined: the miniature. */
export function modelOf(flag: string | undefined): string | undefined {
  return flag ?? (process.env['DIMOO_MODEL'] || undefined)
}

/** What to add where an answer is empty: the miniature is too small to converse. */
export async function emptyHint(model: DimooModel): Promise<string> {
  const { embedded } = await model.info()
  return embedded ? '. The embedded miniature knows plain shapes, not conversation; see dimoo doctor' : ''
}

export function addModelFlags(command: Command): Command {
  command.option('--model <path>', MODEL_HELP)
  addFlags(command, LOAD_FIELDS)
  return command.option('--json', 'print one JSON event per line')
}

/** Loads the model that the flags name and closes it, however `body` ends. */
export async function withModel(
  flags: ModelFlags,
  context: Context,
  reporter: Pick<Reporter, 'loading'>,
  body: (model: DimooModel) => Promise<void>,
  defaults: LoadOptions = {},
): Promise<void> {
  const options: LoadOptions = {
    ...defaults,
    ...readFlags<LoadOptions>({ ...flags }, LOAD_FIELDS),
    signal: context.signal,
    onProgress: flags.json ? (progress) => reporter.loading(progress) : withDownloads(context, (progress) => reporter.loading(progress)),
  }
  const model = await loadModel(modelOf(flags.model), options)
  try {
    await body(model)
  } finally {
    await model.close()
  }
}
