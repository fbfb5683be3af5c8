// What this process can compute on, and which of it a load uses.
// Asks the driver through the addon; never searches for files, never compiles, never prints.
import { emitWarning } from 'node:process'
import { DimooError } from '../base/errors.js'
import { quote } from '../base/show.js'
import type { Device, DeviceId, DeviceReport } from '../native/info.js'
import { runJob } from '../native/job.js'

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
