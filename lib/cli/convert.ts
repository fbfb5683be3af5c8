// `dimoo convert`: a checkpoint as one GGUF file.
import { Command } from 'commander'
import { convert } from '../model/convert.js'
import { CONVERT_FIELDS } from '../model/options.js'
import type { ConvertOptions } from '../model/types.js'
import { bytesText, makeJobReporter } from './job-report.js'
import type { Context } from './context.js'
import { addFlags, readFlags } from './flags.js'

const EXAMPLES = `
The file appears complete or not at all. Rows that the type's block does not divide get another type; the end says how many.

Examples:
  dimoo convert ./Lumina-DiMOO -o lumina-q8.gguf --type q8_0
  dimoo convert lumina-bf16.gguf -o lumina-q4.gguf --type q4_k --vq-type f32`

export function command(context: Context): Command {
  const made = new Command('convert')
    .description('Writes a checkpoint (a folder as published, or a .gguf file) as one GGUF file.')
    .argument('<source>', 'the folder or .gguf file')
    .requiredOption('-o, --output <file>', 'the .gguf file to write')
  return addFlags(made, CONVERT_FIELDS)
    .option('--json', 'print one JSON event per line')
    .addHelpText('after', EXAMPLES)
    .action(async (source: string, flags: { output: string; json?: boolean }) => {
      const reporter = makeJobReporter(context, flags.json ?? false)
      const options = readFlags<ConvertOptions>({ ...flags }, CONVERT_FIELDS)
      const report = await convert(source, flags.output, {
        ...options,
        signal: context.signal,
        onProgress: reporter.progress,
      })
      const { tensors, bytes, fallbacks, ignored, seconds } = report
      const others = fallbacks.length > 0 ? [`${fallbacks.length} tensors got another type: ${types(fallbacks)}`] : []
      const unused = ignored.length > 0 ? [`${ignored.length} tensors that the model does not use were left out`] : []
      const line = `${flags.output}: ${tensors} tensors, ${bytesText(bytes)}, ${seconds.toFixed(1)} s`
      reporter.done({ event: 'result', output: flags.output, ...report }, [line, ...others, ...unused])
    })
}

function types(fallbacks: readonly { readonly type: string }[]): string {
  const counts = new Map<string, number>()
  for (const { type } of fallbacks) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts].map(([type, count]) => `${count} x ${type}`).join(', ')
}
