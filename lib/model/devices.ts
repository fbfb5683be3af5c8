// What this process can compute on, which of it a load uses, and what a load and its runs would need in memory.
// Asks the driver through the addon; never searches for files, never compiles, never prints.
import { emitWarning } from 'node:process'
import { DimooError, invalid } from '../base/errors.js'
import { quote, show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import { boolean, integer, number, type Fields } from '../fields/field.js'
import type { Device, DeviceId, DeviceReport, MemoryPlan } from '../native/info.js'
import { runJob } from '../native/job.js'
import { PLAN_FIELDS } from './options.js'
import { findSource, type ModelSource } from './source.js'
import type { PlanOptions } from './types.js'

/** What this process can use, and why the rest cannot be used. Never rejects: without an addon nothing is usable. */
export async function inspectDevices(): Promise<readonly DeviceReport[]> {
  try {
    return await runJob<DeviceReport[]>('devices', {})
  } catch (error) {
    return [{ id: 'cpu', usable: false, reason: 'not-built', name: (error as Error).message, totalBytes: 0, freeBytes: 0 }]
  }
}

export interface DeviceChoice {
  readonly device: Device
  readonly onDeviceUnavailable: 'error' | 'warn' | 'ignore' | undefined
  readonly warn?: ((details: object, message: string) => void) | undefined
}

// A GPU that nobody bought is no surprise; these are worth a word when 'auto' passes over one.
const SURPRISES: readonly DeviceReport['reason'][] = ['driver-too-old', 'arch-unsupported', 'out-of-memory']

const CURES: Readonly<Record<NonNullable<DeviceReport['reason']>, string>> = {
  'not-built': 'CUDA is not compiled in; DIMOO_CUDA=1 npx dimoo build does, with a CUDA toolkit',
  'no-driver': 'there is no NVIDIA driver; install one, nvidia-smi shows it',
  'driver-too-old': 'the NVIDIA driver is older than this build needs; update it',
  'no-device': 'the NVIDIA driver sees no GPU; nvidia-smi lists those that it sees',
  'arch-unsupported': 'this build has no code for it; dimoo doctor names the architectures that are compiled in',
  'out-of-memory': 'its memory is taken; nvidia-smi shows by whom',
  'disabled-by-env': 'DIMOO_DEVICE=cpu forbids it; unset that variable',
}

/** Why a device cannot be used, and what to do about it. */
export function whyNot({ reason, name }: DeviceReport): string {
  return `${reason ?? 'not usable'}${name && ` (${quote(name)})`}${reason ? `: ${CURES[reason]}` : ''}`
}

/** The device to load on. Throws `device/unavailable` where the asked-for one is absent and that is to be an error. */
export async function resolveDevice({ device, onDeviceUnavailable, warn }: DeviceChoice): Promise<DeviceId> {
  if (device === 'cpu') return 'cpu'
  const reports = await runJob<DeviceReport[]>('devices', {})
  const wanted = reports.filter((report) => (device.includes(':') ? report.id === device : report.id.startsWith('cuda')))
  const found = wanted.find((report) => report.usable)
  // Its kernels have not run on a GPU yet: only who names the device gets it.
  if (found) return device === 'auto' ? 'cpu' : found.id
  const [absent] = wanted
  const message = `device '${device}': expected a usable GPU, got ${absent ? whyNot(absent) : 'none of that number'}`
  const policy = onDeviceUnavailable ?? (device === 'auto' ? 'warn' : 'error')
  if (policy === 'error') throw new DimooError('device/unavailable', message, { details: { device, reports } })
  if (policy === 'warn' && (device !== 'auto' || SURPRISES.includes(absent?.reason))) {
    if (warn) warn({ device, reports }, `${message}; using the CPU`)
    else emitWarning(`${message}; using the CPU`, 'DimooWarning')
  }
  return 'cpu'
}

/** One run to plan for. Sizes default to the checkpoint's. */
export interface PlannedRun {
  readonly width?: number
  readonly height?: number
  /** Pictures decoded together. Default 1. */
  readonly images?: number
  /** Tokens of the prompt, template included. Default 64. */
  readonly promptTokens?: number
  /** 0: no unconditional branch. Default 1: with one. */
  readonly guidance?: number
  /** Tokens of an answer in place of pictures, 0 to 16384. Default 0: pictures. */
  readonly textTokens?: number
  /** With ML-Cache, which keeps keys and values of every layer. Default false. */
  readonly cache?: boolean
}

const RUN_FIELDS: Fields = {
  width: integer(1, 1 << 20, { summary: 'Width.', unit: 'pixels' }),
  height: integer(1, 1 << 20, { summary: 'Height.', unit: 'pixels' }),
  images: integer(1, 64, { summary: 'Pictures decoded together.' }),
  promptTokens: integer(1, 1 << 20, { summary: 'Tokens of the prompt.' }),
  guidance: number(0, 100, { summary: '0: no unconditional branch.' }),
  textTokens: integer(0, 16_384, { summary: 'Tokens of an answer in place of pictures.' }),
  cache: boolean({ summary: 'With ML-Cache.' }),
}

/** Bytes that a model and these runs, all at once, would need. Reads headers only; without a source, the embedded miniature's. */
export async function planMemory(
  source: ModelSource | undefined,
  runs: readonly PlannedRun[],
  options: PlanOptions = {},
): Promise<MemoryPlan> {
  checkOptions('planMemory', options, { fields: PLAN_FIELDS })
  const given: unknown = runs // callers without types may leave them out
  if (!Array.isArray(given)) throw invalid(`planMemory: runs must be an array of runs, got ${show(given)}`)
  runs.forEach((run, i) => checkOptions(`planMemory: runs[${i}]`, run, { fields: RUN_FIELDS }))
  const device = await resolveDevice({ device: options.device ?? 'auto', onDeviceUnavailable: undefined })
  const { precision = 'fast', memory = {} } = options
  const complete = runs.map((run) => ({ images: 1, promptTokens: 64, ...run }))
  return runJob('plan', { source: await findSource(source), device, precision, memory, runs: complete })
}
