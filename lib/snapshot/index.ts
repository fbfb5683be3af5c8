// A run written down between steps, and read again in another process: `run.snapshot()` and `model.resume(bytes)`.
import { invalid } from '../base/errors.js'
import { quote } from '../base/show.js'
import type { NativeSnapshot } from '../native/binding.js'
import type { ModelInfo } from '../native/info.js'
import type { EngineRequest } from '../tasks/engine-request.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { checkBody, factsOf, type SnapshotBody } from './body.js'
import { bodyBound, damaged, readBody, readHeader, writeEnvelope, type Header, type SnapshotHeader } from './envelope.js'

export { snapshotHeader, wholeSnapshot, type SnapshotHeader } from './envelope.js'

/** What must agree for a run to go on with the same bits. */
export interface Identity {
  readonly model: { readonly sha256: string; readonly name: string }
  readonly precision: string
  readonly variant: string
}

export function identityOf({ sha256, name, precision, device, variants }: ModelInfo): Identity {
  const chosen = Object.entries(variants).sort(([a], [b]) => (a < b ? -1 : 1))
  const variant = [device.id.replace(/:.*/, ''), ...chosen.map(([op, one]) => `${op}=${one}`)].join(' ')
  return { model: { sha256, name }, precision, variant }
}

export async function writeSnapshot(request: EngineRequest, { state, step }: NativeSnapshot, info: ModelInfo): Promise<Uint8Array> {
  const { priority: _, tag: __, delivery: ___, buffer: ____, ...native } = request.native
  const { task } = request
  const header = { task, ...identityOf(info), step, steps: native.steps, ...factsOf(request) }
  return writeEnvelope(header, encodeCbor({ request: { ...request, native }, state }))
}

/** A snapshot that fits this model, and what differs where it need not be the same in every bit. */
export interface Opened {
  readonly header: Header
  /** A sentence each. */
  readonly differences: readonly string[]
}

/** The caller's bytes as they are now, once there are no more of them than their header needs. */
export function copySnapshot(snapshot: Uint8Array): Uint8Array {
  readHeader(snapshot)
  return new Uint8Array(snapshot)
}

/** What can be seen at once. Throws `request/invalid` for another model, and where it is to be exact for another precision or variant. */
export function openSnapshot(snapshot: Uint8Array, info: ModelInfo, exact: boolean): Opened {
  const header = readHeader(snapshot)
  const identity = identityOf(info)
  const model = (one: Identity['model']): string => `${quote(one.name)} (${quote(one.sha256.slice(0, 16))})`
  if (header.model.sha256 !== identity.model.sha256) {
    throw invalid(`resume: expected a snapshot of model ${model(identity.model)}, got one of ${model(header.model)}`)
  }
  checkPicture(header, info.scale)
  const differences: string[] = []
  for (const name of ['precision', 'variant'] as const) {
    if (agree(name, header[name], identity[name])) continue
    if (exact) {
      const cure = 'exact: false goes on all the same, with other bits'
      throw invalid(`resume: expected a snapshot of ${name} '${identity[name]}', got one of '${quote(header[name])}'; ${cure}`)
    }
    differences.push(
      `resumed at step ${header.step} of ${header.steps} with ${name} '${identity[name]}', begun with '${quote(header[name])}'`,
    )
  }
  return { header, differences }
}

/** How a model can go on from a snapshot: to the same bits, to others, or not at all. */
export function fit(header: SnapshotHeader, info: ModelInfo): 'exactly' | 'inexactly' | 'not' {
  const { model, precision, variant } = identityOf(info)
  if (header.model.sha256 !== model.sha256) return 'not'
  return agree('precision', header.precision, precision) && agree('variant', header.variant, variant) ? 'exactly' : 'inexactly'
}

// The picture that is put back has the output's size.
function checkPicture({ sizes, pixels }: Header, scale: number): void {
  const expected = 'width' in sizes ? sizes.width * sizes.height * scale * scale : 0
  if (pixels !== 0 && pixels !== expected) throw damaged(`a picture of ${pixels} pixels, expected none or ${expected}`)
}

// An operation that one of them does not know decides nothing for the other.
function agree(name: 'precision' | 'variant', one: string, other: string): boolean {
  if (name === 'precision') return one === other
  const [left, right] = [parts(one), parts(other)]
  return left.device === right.device && [...left.ops].every(([op, chosen]) => (right.ops.get(op) ?? chosen) === chosen)
}

function parts(variant: string): { readonly device: string; readonly ops: ReadonlyMap<string, string> } {
  const [device = '', ...ops] = variant.split(' ')
  return { device, ops: new Map(ops.map((op) => [op.split('=')[0]!, op.slice(op.indexOf('=') + 1)] as const)) }
}

/** Everything else. Rejects with `request/invalid` for what is damaged. */
export async function readSnapshot(snapshot: Uint8Array, header: Header): Promise<SnapshotBody> {
  const limits = { maxBytes: bodyBound(header), maxDepth: 8, maxItems: 20_000 }
  return checkBody(header, decodeCbor(await readBody(snapshot, header), limits, 'resume: the snapshot'))
}
