// `dimoo inspect`: what a checkpoint holds and would need, or how a picture was made.
import { Command } from 'commander'
import { existsSync } from 'node:fs'
import { ordinaryRun, planMemory } from '../model/plan.js'
import type { MemoryPlan } from '../native/info.js'
import { DEVICE, MEMORY, PRECISION, THREADS } from '../model/options.js'
import type { PlanOptions } from '../model/types.js'
import { DimooError } from '../base/errors.js'
import { quote } from '../base/show.js'
import { readParameters } from '../parameters/read.js'
import { inspectModel, type InspectReport } from '../model/inspect.js'
import { integer, type Fields } from '../fields/field.js'
import { printable, writeJson, type Context } from './context.js'
import { addFlags, readFlags } from './flags.js'
import { bytesText } from './job-report.js'
import { modelOf } from './model.js'
import { planLines } from './plan.js'
import { parseSize, SIZE_HELP } from './size.js'

const PICTURE = /\.(png|jpe?g|webp)$/i
const NAME = /^[^/:]+$/ // no folder, no scheme: it may be meant as a picture's name as well as a model's

const PLAN_FLAGS: Fields = {
  device: DEVICE,
  precision: PRECISION,
  memory: MEMORY,
  threads: THREADS,
  n: integer(1, 64, { summary: 'Pictures at once, for --plan.' }),
}

const EXAMPLES = `
Examples:
  dimoo inspect                              the miniature inside the package
  dimoo inspect lumina-q8.gguf --verify      reads every weight once
  dimoo inspect ./Lumina-DiMOO --plan --size 1024x1024 --n 4
  dimoo inspect out.png --json               how a picture was made`

interface Flags {
  readonly plan?: boolean
  readonly verify?: boolean
  readonly json?: boolean
  readonly size?: string
  readonly prompt?: string
}

export function command(context: Context): Command {
  const made = new Command('inspect')
    .description('Shows tensors, types, sizes and settings of a checkpoint, or the parameters inside a picture.')
    .argument('[path]', 'a .gguf file, a folder as published, or a picture (default: DIMOO_MODEL, else the miniature)')
    .option('--plan', 'what a picture (or an answer, of a model without pictures) would need in memory, and whether it fits')
    .option('--verify', 'read every weight once: all must be finite')
    .option('--json', 'print one JSON object')
    .option('--size <WxH>', `${SIZE_HELP}, for --plan`)
    .option('--prompt <text>', 'the prompt, for --plan (default: one of some 60 tokens)')
  return addFlags(made, PLAN_FLAGS)
    .addHelpText('after', EXAMPLES)
    .action((path: string | undefined, flags: Flags) => inspect(modelOf(path), flags, context))
}

async function inspect(path: string | undefined, flags: Flags, { stdout, signal }: Context): Promise<void> {
  const json = flags.json ?? false
  const print = (value: object, lines: () => string[]): void => {
    if (json) writeJson(stdout, value)
    else stdout.write(`${lines().map(printable).join('\n')}\n`)
  }
  if (path !== undefined && PICTURE.test(path)) {
    const found = await readParameters(path)
    if (!found)
      throw new DimooError(
        'image/invalid',
        `picture: expected parameters of lumina-dimoo, got none in ${quote(path)}; tools that convert pictures often drop them`,
      )
    print(found, () =>
      Object.entries(found).map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`),
    )
    return
  }
  if (path !== undefined && NAME.test(path) && !existsSync(path)) {
    const kinds = 'a .gguf file, a folder with config.json, or a picture (.png, .jpg, .webp)'
    throw new DimooError('model/not-found', `inspect: expected ${kinds}, got nothing at ${quote(path)}`)
  }
  const report = await inspectModel(path, { verify: flags.verify ?? false, signal })
  const plan = flags.plan ? await planOf(path, report, flags, signal) : undefined
  print(plan ? { ...report, plan } : report, () => [...reportLines(report), ...(plan ? planLines(plan) : [])])
  if (report.verify?.ok === false) {
    const names = report.verify.nonFinite.map(({ tensor, count }) => `${tensor} (${count})`).join(', ')
    throw new DimooError('model/corrupt', `${report.path}: expected finite weights, got others in ${names}`)
  }
}

function planOf(path: string | undefined, { tensors }: InspectReport, flags: Flags, signal: AbortSignal): Promise<MemoryPlan> {
  const { n, ...options } = readFlags<PlanOptions & { n?: number }>({ ...flags }, PLAN_FLAGS)
  const { prompt } = flags
  const asked = { ...parseSize(flags.size), ...(n !== undefined && { n }), ...(prompt !== undefined && { prompt }) }
  const sees = tensors.some(({ name }) => name.startsWith('vq.'))
  return planMemory(path, [ordinaryRun(sees, asked)], { ...options, signal })
}

function reportLines(report: InspectReport): string[] {
  const types = Object.entries(report.types).map(([type, { count, bytes }]) => `${count} x ${type} (${bytesText(bytes)})`)
  return [
    `${report.path}: ${report.format}, ${report.architecture}, ${bytesText(report.bytes)}`,
    `${report.parameters} parameters in ${report.tensors.length} tensors: ${types.join(', ')}`,
    ...Object.entries(report.settings).map(([name, value]) => `  ${name} = ${shortText(value)}`),
    ...report.tensors.map(({ name, type, shape, bytes }) => `  ${name}  ${type}  [${shape.join(', ')}]  ${bytesText(bytes)}`),
    ...(report.verify?.ok ? ['every weight is finite'] : []),
  ]
}

// Settings can hold a whole tokenizer.
function shortText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 80)}... (${text.length} characters)` : text
}
