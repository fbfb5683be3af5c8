// What task a snapshot is of, from its header (docs/files.md#snapshots); whether it is sound says the server that goes on from it.
import { invalid } from '../base/errors.js'
import { isUint8Array } from '../base/realm.js'
import { show } from '../base/show.js'
import { isTask, type TaskName } from '../requests/names.js'

const FIXED_BYTES = 20 // magic (8), version, header's length, header's CRC-32

/**
 * What task the bytes of a snapshot are of. Whether it is sound, and of a model that is there, says whoever goes on from it.
 *
 * @throws `request/invalid` for what is no snapshot.
 * @example
 * if (taskOfSnapshot(bytes) === 'generate') show(client.resume(bytes, { previews: true }))
 */
export function taskOfSnapshot(snapshot: Uint8Array): TaskName {
  if (!isUint8Array(snapshot)) throw invalid(`resume: snapshot must be an Uint8Array, got ${show(snapshot)}`)
  const text = (from: number, to: number): string => new TextDecoder().decode(snapshot.subarray(from, to))
  if (snapshot.length < FIXED_BYTES || text(0, 8) !== 'DIMOOSNP')
    throw invalid('resume: expected the bytes of a snapshot, got something else')
  const length = new DataView(snapshot.buffer, snapshot.byteOffset).getUint32(12, true)
  try {
    const { task } = JSON.parse(text(FIXED_BYTES, FIXED_BYTES + Math.min(length, 65_536))) as { readonly task: unknown }
    if (isTask(task)) return task
  } catch {
    // said below
  }
  throw invalid('resume: the snapshot is damaged: its header is not JSON with a known task')
}
