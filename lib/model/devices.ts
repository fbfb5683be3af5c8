// What this process can compute on, which of it a load uses, and what a load and its runs would need in memory.
// Asks the driver through the addon; never searches for files, never compiles, never prints.
import { emitWarning } from 'node:process'
import { DimooError, invalid } from '../base/errors.js'
import { runJob } from '../native/job.js'
import { findSource, type ModelSource } from './source.js'
import * as validate from '../fields/validate.js'

export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`
export type DeviceId = 'cpu' | `cuda:${number}`
export type Precision = 'fast' | 'f32'

export interface DeviceReport {
  readonly id: DeviceId
  readonly usable: boolean
  /** Why it is not usable. */
  readonly reason?: 'not-built' | 'no-driver' | 'driver-too-old' | 'no-device' | 'arch-unsupported' | 'out-of-memory' | 'disabled-by-env'
  readonly name: string
  readonly totalBytes: number
  readonly freeBytes: number
  readonly computeCapability?: string
  readonly driverVersion?: string
  readonly requiredDriverVersion?: string
}

/** Budgets in bytes. */
export interface MemoryOptions {
  readonly maxHostBytes?: number
  /** Bounds repacked copies of weights (CPU). Default: what is free after the plan, at most the weights' size. */
  readonly panelBytes?: number
}

export const MEMORY_FIELDS = {
  maxHostBytes: validate.integer(0, Infinity, { help: 'most bytes of main memory', value: 'bytes' }),
  panelBytes: validate.integer(0, Infinity, { help: 'most bytes of repacked weights (CPU)', value: 'bytes' }),
} satisfies validate.Fields

export const DEVICE_FIELD = validate.matching(/^(auto|cpu|cuda|cuda:\d+)$/, 'auto, cpu, cuda or cuda:N', {
  help: 'what computes (default: the CPU; a GPU only by its name)',
  value: 'auto|cpu|cuda|cuda:N',
})
export const PRECISION_FIELD = validate.oneOf(['fast', 'f32'], {
  help: 'fast: bf16 or int8 activations; f32: the reference arithmetic',
})

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

/** The device to load on. Throws `device/unavailable` where the asked-for one is absent and that is to be an error. */
export async function resolveDevice({ device, onDeviceUnavailable, warn }: DeviceChoice): Promise<DeviceId> {
  if (device === 'cpu') return 'cpu'
  const reports = await runJob<DeviceReport[]>('devices', {})
  const wanted = reports.filter((report) => (device.includes(':') ? report.id === device : report.id.startsWith('cuda')))
  const found = wanted.find((report) => report.usable)
  // Its kernels have not run on a GPU yet: only who names the device gets it.
  if (found) return device === 'auto' ? 'cpu' : found.id
  const [absent] = wanted
  const why = absent ? `${absent.reason ?? 'not usable'}${absent.name && ` (${absent.name})`}` : 'no-device'
  const message = `device '${device}': expected a usable GPU, got ${why}`
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

export interface MemoryPlan {
  readonly weightsBytes: number
  readonly panelBytes: number
  readonly kvBytes: number
  readonly logitsBytes: number
  readonly activationsBytes: number
  readonly vqBytes: number
  readonly totalBytes: number
  readonly fits: boolean
  readonly availableBytes: number
}

export interface PlanOptions {
  readonly device?: Device
  readonly precision?: Precision
  readonly memory?: MemoryOptions
}

const RUN_FIELDS = {
  width: validate.integer(1, 1 << 20),
  height: validate.integer(1, 1 << 20),
  images: validate.integer(1, 64),
  promptTokens: validate.integer(1, 1 << 20),
  guidance: validate.number(0, 100),
  textTokens: validate.integer(0, 16_384),
  cache: validate.boolean(),
} satisfies validate.Fields

const PLAN_FIELDS = {
  device: DEVICE_FIELD,
  precision: PRECISION_FIELD,
  memory: validate.group(MEMORY_FIELDS),
} satisfies validate.Fields

/** Bytes that a model and these runs, all at once, would need. Reads headers only; without a source, the embedded miniature's. */
export async function planMemory(
  source: ModelSource | undefined,
  runs: readonly PlannedRun[],
  options: PlanOptions = {},
): Promise<MemoryPlan> {
  validate.checkOptions('planMemory', options, PLAN_FIELDS)
  const given: unknown = runs // callers without types may leave them out
  if (!Array.isArray(given)) throw invalid(`planMemory: runs must be an array of runs, got ${validate.show(given)}`)
  runs.forEach((run, i) => validate.checkOptions(`planMemory: runs[${i}]`, run, RUN_FIELDS))
  const device = await resolveDevice({ device: options.device ?? 'auto', onDeviceUnavailable: undefined })
  const { precision = 'fast', memory = {} } = options
  const complete = runs.map((run) => ({ images: 1, promptTokens: 64, ...run }))
  return runJob('plan', { source: await findSource(source), device, precision, memory, runs: complete })
}
