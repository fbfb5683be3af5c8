// `dimoo synth`: random models of real shapes, for benches and tests.
import { Command } from 'commander'
import { synth, type SynthShape } from '../model/convert.js'
import { SYNTH_FIELDS } from '../model/options.js'
import type { SynthOptions } from '../model/types.js'
import type { Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { bytesText, makeJobReporter } from './job-report.js'

const EXAMPLES = `
Shapes: tiny (2 layers), 0.5b, 2b, 8b (the released model's). Weights are random: pictures mean nothing, speed and memory are real.

Examples:
  dimoo synth tiny -o tiny.gguf
  dimoo synth 0.5b -o half.gguf --type q8_0 --seed 1
  dimoo synth 2b -o text.gguf --layout llada`

export function command(context: Context): Command {
  const made = new Command('synth')
    .description('Writes a random model as a GGUF file.')
    .argument('<shape>', 'tiny, 0.5b, 2b or 8b')
    .requiredOption('-o, --output <file>', 'the .gguf file to write')
  return addFlags(made, SYNTH_FIELDS)
    .option('--json', 'print one JSON event per line')
    .addHelpText('after', EXAMPLES)
    .action(async (shape: SynthShape, flags: { output: string; json?: boolean }) => {
      const reporter = makeJobReporter(context, flags.json ?? false)
      const options = readFlags<SynthOptions>({ ...flags }, SYNTH_FIELDS)
      const report = await synth(shape, flags.output, {
        ...options,
        signal: context.signal,
        onProgress: reporter.progress,
      })
      const line = `${flags.output}: ${report.tensors} tensors, ${bytesText(report.bytes)}`
      reporter.done({ event: 'result', output: flags.output, ...report }, [line])
    })
}
