// A run written down between steps, and read again in another process: `run.snapshot()` and `model.resume(bytes)`.
import type { ModelInfo } from '../native/info.js'
import { isObject } from '../fields/validate.js'
import type { TaskPlan } from '../tasks/context.js'
import { readBody, readHeader, writeEnvelope, type Header, type Identity } from './envelope.js'
import { checkBody, type SnapshotBody } from './plan.js'
import { packValue, unpackValue } from './values.js'

/** Same fingerprint, precision and variant: the same bits to the end. */
export function identityOf({ sha256, name, precision, device, variants }: ModelInfo): Identity {
  const chosen = Object.entries(isObject(variants) ? variants : {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const variant = [device.id.replace(/:.*/, ''), ...chosen.map(([op, name]) => `${op}=${name}`)].join(' ')
  return { sha256, name, precision, variant }
}

export async function writeSnapshot(plan: TaskPlan, state: Uint8Array, info: ModelInfo): Promise<Uint8Array> {
  return writeEnvelope(plan.task, identityOf(info), packValue({ plan, state }))
}

/** What can be seen at once. Throws `request/invalid`. */
export function openSnapshot(snapshot: Uint8Array, info: ModelInfo): Header {
  return readHeader(snapshot, identityOf(info))
}

/** Everything else. Rejects with `request/invalid` for what is damaged. */
export async function readSnapshot(snapshot: Uint8Array, header: Header): Promise<SnapshotBody> {
  return checkBody(header.task, unpackValue(await readBody(snapshot, header)))
}
