// `dimoo bench`: rows per second of one exact pass, where its time goes, pictures per minute, and which fraction of this machine's
// ceilings that is. The work is the addon's.
import { Command } from 'commander'
import { checkOptions } from '../fields/check.js'
import { integer, type Fields } from '../fields/field.js'
import { resolveDevice } from '../model/devices.js'
import { DEVICE, PRECISION, THREADS, WEIGHTS } from '../model/options.js'
import type { Device, Precision, WeightType } from '../native/info.js'
import { runJob } from '../native/job.js'
import { findSource } from '../model/source.js'
import { inType } from '../model/weights.js'
import { printable, writeJson, type Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { MODEL_HELP, modelOf } from './model.js'
import { parseSize, SIZE_HELP } from './size.js'
import { withDownloads } from './transfer.js'

const BENCH_FIELDS: Fields = {
  rows: integer(1, 65_536, { summary: 'Positions of the pass.', default: { value: 512 } }),
  repetitions: integer(5, 1000, { summary: 'Timed passes after a warm-up.', default: { value: 7 } }),
  threads: THREADS,
  device: DEVICE,
  weights: WEIGHTS,
  precision: PRECISION,
  steps: integer(1, 4096, { summary: 'Steps of a picture.', default: { words: "the checkpoint's" } }),
}

const EXAMPLES = `
A pass is exact: embedding to final norm over one branch of that many positions, and the head on one row. Files of llama.cpp's
llada architecture run too, with or without a tokenizer. Ceilings are multiply-adds in registers on the same threads.

Examples:
  dimoo bench                                        the miniature inside the package
  dimoo bench --model lumina-q8.gguf --size 1024x1024 --steps 32
  dimoo bench --model lumina-q8.gguf --rows 512 --threads 2 --json`

/** Seconds by phase: products, head, attention, norm, rotary, embed, unmask, vq, copies, other. */
type Phases = Readonly<Record<string, number>>

/** What the addon's job says; `csrc/jobs/bench.h` has the meaning of each number. */
export interface BenchReport {
  readonly name: string
  readonly architecture: string
  readonly weights: WeightType
  readonly device: string
  readonly processor: string
  readonly threads: number
  readonly precision: Precision
  readonly variants: Readonly<Record<string, string>>
  readonly rows: number
  readonly repetitions: number
  readonly medianSeconds: number
  readonly rowsPerSecond: number
  readonly rowsPerSecondAllRows: number
  readonly gigaOperations: number
  readonly phases: Phases
  /** 10^9 operations per second. */
  readonly ceilings: { readonly f32: number; readonly bf16: number; readonly int8: number }
  readonly fractionOfCeiling: number
  readonly productsFractionOfCeiling: number
  /** Models with image codes. */
  readonly picture?: {
    readonly width: number
    readonly height: number
    readonly steps: number
    readonly rows: number
    readonly stepSeconds: number
    readonly phases: Phases
    readonly fractionOfCeiling: number
    readonly decodeSeconds: number
    readonly secondsPerPicture: number
    readonly picturesPerMinute: number
  }
}

interface BenchOptions {
  readonly rows?: number
  readonly repetitions?: number
  readonly threads?: number
  readonly device?: Device
  readonly weights?: WeightType
  readonly precision?: Precision
  readonly steps?: number
}

interface Flags {
  readonly model?: string
  readonly size?: string
  readonly json?: boolean
}

export function command(context: Context): Command {
  const made = new Command('bench')
    .description('Measures how fast a checkpoint runs on this machine, and where the time goes.')
    .option('--model <path>', MODEL_HELP)
    .option('--size <WxH>', `${SIZE_HELP.replace(/ \(.*\)$/, '')} (default: the checkpoint's, at most 256x256)`)
  return addFlags(made, BENCH_FIELDS)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => bench(flags, context))
}

async function bench(flags: Flags, context: Context): Promise<void> {
  const { stdout, signal } = context
  const given = readFlags<BenchOptions>({ ...flags }, BENCH_FIELDS)
  checkOptions('bench', given, { fields: BENCH_FIELDS })
  const { device: wanted = 'auto', precision = 'fast', threads = 0, rows = 512, repetitions = 7, steps } = given
  const control = { signal, onProgress: withDownloads(context, () => undefined) }
  const found = await findSource(modelOf(flags.model), control)
  const source = given.weights === undefined ? found : await inType(found, given.weights, { ...control, threads: given.threads })
  const device = await resolveDevice({ device: wanted, onDeviceUnavailable: undefined })
  const options = { source, device, precision, threads, rows, repetitions, ...parseSize(flags.size), steps }
  const report = await runJob<BenchReport>('bench', options, { signal })
  if (flags.json) writeJson(stdout, report)
  else stdout.write(`${reportLines(report).map(printable).join('\n')}\n`)
}

function reportLines(report: BenchReport): string[] {
  const { name, architecture, weights, device, processor, threads, precision, rows, ceilings, picture } = report
  const ceiling = Object.entries(ceilings).map(([kind, rate]) => `${kind} ${rate.toFixed(0)}`)
  return [
    `${name}: ${architecture}, ${weights}, ${precision} on ${device} (${processor}), ${threads} threads`,
    `ceilings: ${ceiling.join(', ')} Gop/s`,
    '',
    `a pass over ${rows} rows: ${seconds(report.medianSeconds)}, ${report.rowsPerSecond.toFixed(1)} rows/s, ${percent(report.fractionOfCeiling)} of the ceiling`,
    ...phaseLines(report.phases, report.medianSeconds),
    ...(picture ? pictureLines(picture) : []),
  ]
}

function pictureLines(picture: NonNullable<BenchReport['picture']>): string[] {
  const { width, height, steps, rows, stepSeconds, decodeSeconds } = picture
  return [
    '',
    `a picture of ${width}x${height}, guided: ${rows} rows, first step ${seconds(stepSeconds)}, ${percent(picture.fractionOfCeiling)} of the ceiling`,
    ...phaseLines(picture.phases, stepSeconds),
    `  decoding the codes: ${seconds(decodeSeconds)}`,
    `${steps} steps: ${seconds(picture.secondsPerPicture)} a picture, ${picture.picturesPerMinute.toFixed(2)} pictures a minute`,
  ]
}

function phaseLines(phases: Phases, total: number): string[] {
  const sorted = Object.entries(phases).sort(([, a], [, b]) => b - a)
  const width = Math.max(...sorted.map(([name]) => name.length))
  return sorted.map(([name, time]) => `  ${name.padEnd(width)} ${seconds(time).padStart(10)} ${percent(time / total).padStart(7)}`)
}

function seconds(time: number): string {
  return time >= 1 ? `${time.toFixed(2)} s` : `${(time * 1000).toFixed(2)} ms`
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`
}
