// A snapshot as bytes: a header that says what it is of, then everything needed to go on, deflated, then its digest. Read in two parts:
// the header at once (is it for this model?), the body off the event loop. Reads untrusted bytes.
// Layout: magic (8), version, header's length, header's CRC-32 (u32 each, little-endian), header (JSON), body, SHA-256 of the body (32).
import { webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import { crc32, deflate, inflate } from 'node:zlib'
import { invalid } from '../base/errors.js'
import { TASKS, type TaskName } from '../requests/index.js'
import { show } from '../fields/validate.js'
import { damaged } from './values.js'

const MAGIC = 'DIMOOSNP'
export const SNAPSHOT_VERSION = 1
const FIXED_BYTES = MAGIC.length + 12
const DIGEST_BYTES = 32
/** Most bytes of an inflated body: the largest picture, and room for everything else. */
const MAX_BODY_BYTES = 512 * 1024 * 1024

/** What must agree for a run to go on with the same bits. */
export interface Identity {
  /** Fingerprint of the model, and its name for messages. */
  readonly sha256: string
  readonly name: string
  readonly precision: string
  /** Of the device: which implementation of each operation. */
  readonly variant: string
}

export interface Header extends Identity {
  readonly task: TaskName
  readonly bodyBytes: number
}

export async function writeEnvelope(task: TaskName, identity: Identity, body: Uint8Array): Promise<Uint8Array> {
  const header = Buffer.from(JSON.stringify({ ...identity, task, bodyBytes: body.length } satisfies Header))
  const packed = await promisify(deflate)(body, { level: 1 })
  const fixed = Buffer.alloc(FIXED_BYTES)
  fixed.write(MAGIC, 'latin1')
  fixed.writeUInt32LE(SNAPSHOT_VERSION, 8)
  fixed.writeUInt32LE(header.length, 12)
  fixed.writeUInt32LE(crc32(header), 16)
  return new Uint8Array(Buffer.concat([fixed, header, packed, await digest(packed)]))
}

/** Throws `request/invalid` for what is no snapshot of ours, is damaged, or is of another model, precision or variant. */
export function readHeader(snapshot: Uint8Array, identity: Identity): Header {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength)
  if (bytes.length < FIXED_BYTES + DIGEST_BYTES) throw damaged(`${bytes.length} bytes are too few`)
  if (bytes.toString('latin1', 0, 8) !== MAGIC) throw invalid('resume: expected the bytes of a snapshot, got something else')
  const version = bytes.readUInt32LE(8)
  if (version !== SNAPSHOT_VERSION) throw invalid(`resume: expected a snapshot of version ${SNAPSHOT_VERSION}, got version ${version}`)
  const header = bytes.subarray(FIXED_BYTES, FIXED_BYTES + bytes.readUInt32LE(12))
  if (header.length !== bytes.readUInt32LE(12) || crc32(header) !== bytes.readUInt32LE(16)) throw damaged('its header does not add up')
  const found = checkHeader(header.toString('utf8'))
  const model = (one: Identity): string => `${one.name} (${one.sha256.slice(0, 16)})`
  if (found.sha256 !== identity.sha256) throw invalid(`resume: expected a snapshot of model ${model(identity)}, got one of ${model(found)}`)
  for (const name of ['precision', 'variant'] as const) {
    if (found[name] !== identity[name]) {
      throw invalid(`resume: expected a snapshot of ${name} '${identity[name]}', got one of '${found[name]}'`)
    }
  }
  return found
}

/** The body, once its digest is found right. */
export async function readBody(snapshot: Uint8Array, { bodyBytes }: Header): Promise<Uint8Array> {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength)
  const packed = bytes.subarray(FIXED_BYTES + bytes.readUInt32LE(12), -DIGEST_BYTES)
  if (!bytes.subarray(-DIGEST_BYTES).equals(await digest(packed))) throw damaged('its digest is another')
  const body = await promisify(inflate)(packed, { maxOutputLength: Math.max(1, bodyBytes) }).catch((error: unknown) => {
    throw damaged((error as Error).message)
  })
  if (body.length !== bodyBytes) throw damaged(`expected ${bodyBytes} bytes, got ${body.length}`)
  return body
}

function checkHeader(text: string): Header {
  let header: Partial<Record<keyof Header, unknown>>
  try {
    header = JSON.parse(text) as typeof header
  } catch {
    throw damaged('its header is not JSON')
  }
  const { task, bodyBytes } = header
  const texts = [header.sha256, header.name, header.precision, header.variant]
  if (!texts.every((one) => typeof one === 'string')) throw damaged('its header is incomplete')
  if (!(TASKS as readonly unknown[]).includes(task)) throw damaged(`expected a known task, got ${show(task)}`)
  const fits = Number.isSafeInteger(bodyBytes) && (bodyBytes as number) >= 0 && (bodyBytes as number) <= MAX_BODY_BYTES
  if (!fits) throw damaged(`expected at most ${MAX_BODY_BYTES} bytes, got ${show(bodyBytes)}`)
  return header as unknown as Header
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes))
}
