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

export function addModelFlags(command: Command): Command {
  command.option('--model <path>', 'a .gguf file, a folder as published, or hf:owner/repo (default: the miniature inside the package)')
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
  const model = await loadModel(flags.model, options)
  try {
    await body(model)
  } finally {
    await model.close()
  }
}
