// `dimoo export`: a checkpoint as a Hugging Face folder.
import { Command } from 'commander'
import { exportModel } from '../model/export.js'
import { EXPORT_FIELDS } from '../model/options.js'
import type { ExportOptions } from '../model/types.js'
import { modelOf } from './model.js'
import { bytesText, makeJobReporter } from './job-report.js'
import type { Context } from './context.js'
import { addFlags, readFlags } from './flags.js'

const EXAMPLES = `
The folder appears complete or not at all. Every value is kept unless a type is asked for that cannot hold it.

Examples:
  dimoo export lumina.gguf -o ./lumina
  dimoo export -o ./miniature                        the model that comes with the package`

export function command(context: Context): Command {
  const made = new Command('export')
    .description('Writes a checkpoint as a folder in the Hugging Face layout: config.json, safetensors, tokenizer, image tokenizer.')
    .argument('[source]', 'the .gguf file or folder (default: DIMOO_MODEL, else the embedded miniature)')
    .requiredOption('-o, --output <folder>', 'the folder to write; it must not exist yet or be empty')
  return addFlags(made, EXPORT_FIELDS)
    .option('--json', 'print one JSON event per line')
    .addHelpText('after', EXAMPLES)
    .action(async (source: string | undefined, flags: { output: string; json?: boolean }) => {
      const reporter = makeJobReporter(context, flags.json ?? false)
      const options = readFlags<ExportOptions>({ ...flags }, EXPORT_FIELDS)
      const control = { signal: context.signal, onProgress: reporter.progress }
      const report = await exportModel(modelOf(source), flags.output, { ...options, ...control })
      const { tensors, bytes, files, seconds } = report
      const line = `${flags.output}: ${tensors} tensors in ${files} files, ${bytesText(bytes)}, ${seconds.toFixed(1)} s`
      reporter.done({ event: 'result', output: flags.output, ...report }, [line])
    })
}
