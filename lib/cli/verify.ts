// `dimoo verify`: whether a checkpoint is whole and sound, whether it is the released one, what it costs here, and what to do next. Also the
// end of `dimoo pull` and of `dimoo doctor --model`.
import { Command } from 'commander'
import { DimooError } from '../base/errors.js'
import type { VerifyOptions } from '../model/types.js'
import { verifyModel, type VerifyReport } from '../model/verify.js'
import { printable, writeJson, type Context } from './context.js'
import { bytesText, makeJobReporter } from './job-report.js'
import { MODEL_HELP, modelOf } from './model.js'
import { transferText } from './transfer.js'

const EXAMPLES = `
Exit code 1 where a fault was found; notes are none.

Examples:
  dimoo verify hf:Alpha-VLLM/Lumina-DiMOO
  dimoo verify ./Lumina-DiMOO --no-speed
  dimoo verify lumina-q8.gguf --json`

interface Flags {
  readonly hashes: boolean
  readonly weights: boolean
  readonly speed: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

export function command(context: Context): Command {
  return new Command('verify')
    .description('Looks a checkpoint over: files, hashes, tensors, tokens, memory, speed.')
    .argument('[model]', MODEL_HELP)
    .option('--no-hashes', 'do not compare files with what the hub said of them')
    .option('--no-weights', 'do not read every weight')
    .option('--no-speed', 'do not measure for five seconds')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (named: string | undefined, { json = false, quiet: _, ...options }: Flags) => {
      const model = modelOf(named)
      const report = await verified(model, options, context, json)
      if (json) writeJson(context.stdout, report)
      else context.stdout.write(`${verifyLines(report, model).join('\n')}\n`)
      throwFaults(report)
    })
}

/** With progress on standard error, unless JSON is wanted. */
export async function verified(model: string | undefined, options: VerifyOptions, context: Context, json: boolean): Promise<VerifyReport> {
  const { progress, clear } = makeJobReporter(context, false, transferText)
  const report = await verifyModel(model, { ...options, signal: context.signal, ...(!json && { onProgress: progress }) })
  clear()
  return report
}

/** Thrown after the report, for the exit code. */
export function throwFaults({ findings, path }: VerifyReport): void {
  const faults = findings.filter(({ level }) => level === 'fault')
  if (faults.length === 0) return
  throw new DimooError(
    'model/corrupt',
    `${path}: ${faults.length === 1 ? 'one fault' : `${faults.length} faults`}, the first: ${faults[0]!.message}`,
  )
}

/** `given`: the model as the user named it. */
export function verifyLines(report: VerifyReport, given: string | undefined): string[] {
  const { path, ok, released, findings, hashed, architecture, format, bytes, memory, speed } = report
  const what = bytes === undefined ? '' : `: ${architecture!}, ${format!}, ${bytesText(bytes)}`
  return [
    `${path}${what}`,
    ...findings.map(({ level, check, message }) => `${level}: ${check}: ${message}`),
    ...(ok ? [`whole and sound${released ? ', the released checkpoint' : ''}${hashed ? '; its hashes are those of the hub' : ''}`] : []),
    ...(memory ? memoryLines(memory) : []),
    ...(speed ? [speedLine(speed)] : []),
    ...nextLines(report, given),
  ].map(printable)
}

function memoryLines({ availableBytes, runBytes, types }: NonNullable<VerifyReport['memory']>): string[] {
  const table = types.map(({ type, weightBytes, fits }) => `${type} ${bytesText(weightBytes)}${fits ? '' : ' (does not fit)'}`)
  return [`memory: ${bytesText(availableBytes)} here; a run takes ${bytesText(runBytes)} beside the weights: ${table.join(', ')}`]
}

function speedLine({ width, height, tokens, steps, secondsPerStep }: NonNullable<VerifyReport['speed']>): string {
  const size = tokens === undefined ? `${width!}x${height!}` : `an answer of ${tokens} tokens`
  return `speed: about ${time(secondsPerStep)} a step of ${size} on this CPU, ${time(secondsPerStep * steps)} for ${steps} (measured on one layer; \`dimoo bench\` measures the real thing)`
}

function time(seconds: number): string {
  if (seconds < 0.1) return `${(seconds * 1000).toPrecision(2)} ms`
  if (seconds < 100) return `${seconds.toPrecision(2)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toPrecision(2)} h`
}

/** What to do next. */
function nextLines({ ok, path, memory, findings, architecture }: VerifyReport, given: string | undefined): string[] {
  const model = given === undefined ? '' : ` --model ${given}`
  if (!ok) {
    const [, owner, name] = /models--(.+?)--([^\\/]+)/.exec(path) ?? []
    const pull = owner !== undefined && name !== undefined ? `${owner}/${name}` : 'Alpha-VLLM/Lumina-DiMOO'
    const damaged = findings.some(({ level, check }) => level === 'fault' && (check === 'hashes' || check === 'weights'))
    if (owner === undefined) return [`next: fetch what is wrong again, or the released model: dimoo pull ${pull}`]
    return [`next: ${damaged ? `dimoo remove ${pull} && ` : ''}dimoo pull ${pull}`]
  }
  if (!memory) return []
  const [own] = memory.types
  if (memory.best === undefined)
    return [`next: no type fits into the memory here; a smaller size may: dimoo inspect ${given ?? path} --plan`]
  const type = memory.best === own?.type ? '' : ` --type ${memory.best}`
  return [
    architecture === 'llada'
      ? `next: dimoo chat "hello"${model}${type}`
      : `next: dimoo generate "a lighthouse at dusk" -o out.png${model}${type}`,
  ]
}
