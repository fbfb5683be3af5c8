// `dimoo doctor`: what works on this machine and why the rest does not. Exit code 1 where nothing can run.
import { Command } from 'commander'
import { existsSync } from 'node:fs'
import { binding } from '../native/binding.js'
import { inspectDevices, whyNot } from '../model/devices.js'
import type { DeviceReport } from '../native/info.js'
import { BindingError, DimooError } from '../base/errors.js'
import { quote } from '../base/show.js'
import { runJob } from '../native/job.js'
import { embeddedModel } from '../model/source.js'
import { printable, writeJson, type Context } from './context.js'
import { bytesText } from './job-report.js'
import { modelOf } from './model.js'
import { packageVersion } from '../base/version.js'
import { throwFaults, verified, verifyLines } from './verify.js'

const EXAMPLES = `
Examples:
  dimoo doctor
  dimoo doctor --verify      also measures every variant's error against the reference arithmetic
  dimoo doctor --model hf:Alpha-VLLM/Lumina-DiMOO
  dimoo doctor --json`

const MODEL_TEXT = `
  It knows every task in a small world: pictures of 64x64 pixels with one to four flat shapes, small or large (circle, square,
  triangle, star, cross, diamond), in red, green, blue, yellow, purple or orange on white, gray or black. For the real checkpoint:
  dimoo pull Alpha-VLLM/Lumina-DiMOO`

/** What the addon's job says. */
interface DoctorReport {
  readonly cpu: {
    readonly name: string
    readonly features: readonly string[]
    readonly threads: number
    readonly variants: readonly {
      readonly op: string
      readonly chosen: string
      readonly available: readonly string[]
    }[]
    /** Variants that are there but never chosen unasked. */
    readonly byName: readonly string[]
  }
  readonly cuda: { readonly built: boolean; readonly architectures: string }
  /** Root mean square errors relative to the result's; `csrc/jobs/variant_errors.h` has the meaning. */
  readonly verify?: readonly VariantError[]
}

interface VariantError {
  readonly op: 'product' | 'attention'
  readonly variant: string
  readonly type: string
  readonly relativeError: number
}

export function command(context: Context): Command {
  return new Command('doctor')
    .description('Shows what works on this machine, why the rest does not, and which variants were chosen.')
    .option('--verify', "measure every variant's error")
    .option('--model <path>', 'also look this checkpoint over, as dimoo verify does')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((flags: Flags) => doctor(flags, context))
}

interface Flags {
  readonly verify?: boolean
  readonly model?: string
  readonly json?: boolean
}

async function doctor(flags: Flags, context: Context): Promise<void> {
  const { stdout, signal } = context
  const platform = {
    version: packageVersion(),
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
  }
  const devices = await inspectDevices()
  const missing = addonProblem()
  const report = missing ? undefined : await runJob<DoctorReport>('doctor', { verify: flags.verify ?? false }, { signal })
  const miniature = existsSync(embeddedModel)
  const looked = missing || flags.model === undefined ? undefined : await verified(flags.model, {}, context, flags.json ?? false)
  if (flags.json) writeJson(stdout, { ...platform, addon: missing?.attempts ?? 'loads', devices, miniature, ...report, model: looked })
  else {
    const head = `lumina-dimoo ${platform.version} on Node ${platform.node}, ${platform.platform}-${platform.arch}`
    const model = `miniature: ${miniature ? '' : 'missing at '}${embeddedModel}${MODEL_TEXT}`
    const named = modelOf(undefined)
    const variable = named === undefined ? [] : [`DIMOO_MODEL: ${printable(quote(named))}, where a command names no model`]
    const last = looked ? verifyLines(looked, flags.model) : [model, ...variable]
    const lines = [head, addonLine(missing), ...devices.map(deviceLine), ...(report ? reportLines(report) : []), ...last]
    stdout.write(`${lines.join('\n')}\n`)
  }
  if (missing) throw missing
  if (looked) throwFaults(looked)
  if (!devices.some((device) => device.usable)) throw new DimooError('device/unavailable', 'expected a usable device, got none')
}

function addonProblem(): BindingError | undefined {
  try {
    binding()
    return undefined
  } catch (error) {
    if (error instanceof BindingError) return error
    throw error
  }
}

function addonLine(missing: BindingError | undefined): string {
  if (!missing) {
    const { compiler } = JSON.parse(binding().build) as { compiler?: string }
    return `addon: loads (${binding().version}, built by ${compiler ?? 'an unknown compiler'})`
  }
  const tried = missing.attempts.map((attempt) => `\n  ${attempt.path}: ${attempt.message}`)
  return `addon: does not load${tried.join('')}`
}

function deviceLine(device: DeviceReport): string {
  const { id, usable, name, totalBytes, freeBytes } = device
  if (!usable) return `${id}: not usable, ${whyNot(device)}`
  return `${id}: usable, ${name}, ${bytesText(freeBytes)} free of ${bytesText(totalBytes)}`
}

function reportLines({ cpu, cuda, verify = [] }: DoctorReport): string[] {
  return [
    `processor: ${cpu.name}, ${cpu.threads} threads, ${cpu.features.join(' ')}`,
    ...cpu.variants.map(({ op, chosen, available }) => `  ${op}: ${chosen} (of ${available.join(', ')})`),
    ...cpu.byName.map((name) => `  ${name}: has never run on real hardware, so it is only used with DIMOO_CPU_VARIANT=${name}`),
    `CUDA: ${cuda.built ? `compiled in for ${cuda.architectures}` : 'not compiled in'}`,
    ...(verify.length > 0 ? ["relative error against f32, by variant, of products with a type's weights and of attention:"] : []),
    ...verify.map(({ op, variant, type, relativeError }) => `  ${variant} ${op} ${type}: ${relativeError.toExponential(1)}`),
  ]
}
