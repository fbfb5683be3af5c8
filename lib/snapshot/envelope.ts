// A snapshot as bytes: a header that says what it is of, then everything needed to go on, deflated, then its digest. Read in two parts:
// the header at once (is it for this model?), the body off the event loop. Reads hostile bytes: every bound is checked before anything is
// allocated in proportion to it.
// Layout: magic (8), version, header's length, header's CRC-32 (u32 each, little-endian), header (JSON), body, SHA-256 of the body (32).
import { webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import { crc32, deflate, inflate } from 'node:zlib'
import { invalid } from '../base/errors.js'
import { isObject, isUint8Array } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { checkOptions } from '../fields/check.js'
import { group, integer, text, type Fields } from '../fields/field.js'
import { MAX_IMAGES } from '../requests/image.js'
import { isTask, isTextTask, type TaskName } from '../requests/names.js'
import { MAX_STEPS } from '../requests/sampling.js'
import { MAX_CELLS } from '../requests/size.js'
import { MAX_LENGTH } from '../requests/text.js'

const MAGIC = 'DIMOOSNP'
export const SNAPSHOT_VERSION = 2
const FIXED_BYTES = MAGIC.length + 12
const DIGEST_BYTES = 32
const MAX_HEADER_BYTES = 16 * 1024
/** Positions before a target, summed over branches: far beyond what any model attends to. */
const MAX_POSITIONS = 4 * 1024 * 1024
/** Pixels of a cell: 64 x 64, beyond what any image tokenizer has. */
const MAX_CELL_PIXELS = 4096
/** Bytes of everything in a body whose length does not follow from the header: prompt, schedule and names, with room to spare. */
const TEXT_BYTES = 1024 * 1024

/** What a snapshot is of: everything that can be told without its body. */
export interface SnapshotHeader {
  readonly version: number
  readonly task: TaskName
  /** The model: its fingerprint, and its name for people. */
  readonly model: { readonly sha256: string; readonly name: string }
  readonly precision: string
  /** The kind of device, and which implementation of each operation it had. */
  readonly variant: string
  /** Steps that are done, of how many. */
  readonly step: number
  readonly steps: number
  /** What is decoded: pictures of a grid (in cells), or an answer (in tokens). */
  readonly sizes: { readonly images: number; readonly width: number; readonly height: number } | { readonly tokens: number }
}

/** With what bounds the body. */
export interface Header extends SnapshotHeader {
  readonly bodyBytes: number
  /** Positions before the target, over all branches. */
  readonly positions: number
  /** Pixels of the picture that is put back, 0 where none is. */
  readonly pixels: number
}

const count = (min: number, max: number): ReturnType<typeof integer> => integer(min, max, { summary: '' })
const name = (max: number): ReturnType<typeof text> => text({ summary: '', maxBytes: max })

const COMMON: Fields = {
  version: count(SNAPSHOT_VERSION, SNAPSHOT_VERSION),
  task: name(32),
  model: group({ sha256: text({ summary: '', pattern: '[0-9a-f]{64}' }), name: name(1024) }, { summary: '', required: ['sha256', 'name'] }),
  precision: name(32),
  variant: name(4096),
  step: count(0, MAX_STEPS),
  steps: count(1, MAX_STEPS),
  bodyBytes: count(0, Number.MAX_SAFE_INTEGER),
  positions: count(0, MAX_POSITIONS),
  pixels: count(0, MAX_CELLS * MAX_CELL_PIXELS),
}
const IMAGES = group(
  { images: count(1, MAX_IMAGES), width: count(1, MAX_CELLS), height: count(1, MAX_CELLS) },
  { summary: '', required: ['images', 'width', 'height'] },
)
const TOKENS = group({ tokens: count(1, MAX_LENGTH) }, { summary: '', required: ['tokens'] })

/**
 * Bytes that a body may have: what a run of the header's sizes could write down. Of a grid its cells, where it began and what is pinned
 * (12 bytes a cell); of every picture or answer its state now and at the last full step (8 bytes each).
 */
export function bodyBound({ sizes, positions, pixels }: Pick<Header, 'sizes' | 'positions' | 'pixels'>): number {
  const targets = 'tokens' in sizes ? 8 * sizes.tokens : (8 * sizes.images + 12) * sizes.width * sizes.height
  return TEXT_BYTES + 4 * positions + targets + 3 * pixels
}

export async function writeEnvelope(header: Omit<Header, 'version' | 'bodyBytes'>, body: Uint8Array): Promise<Uint8Array> {
  const json = Buffer.from(JSON.stringify({ version: SNAPSHOT_VERSION, ...header, bodyBytes: body.length } satisfies Header))
  const packed = await promisify(deflate)(body, { level: 1 })
  const fixed = Buffer.alloc(FIXED_BYTES)
  fixed.write(MAGIC, 'latin1')
  fixed.writeUInt32LE(SNAPSHOT_VERSION, 8)
  fixed.writeUInt32LE(json.length, 12)
  fixed.writeUInt32LE(crc32(json), 16)
  return new Uint8Array(Buffer.concat([fixed, json, packed, await digest(packed)]))
}

/** Throws `request/invalid` for what is no snapshot of ours or is damaged. */
export function readHeader(snapshot: Uint8Array): Header {
  if (!isUint8Array(snapshot)) throw invalid(`resume: snapshot must be an Uint8Array, got ${show(snapshot)}`)
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength)
  if (bytes.length < FIXED_BYTES + DIGEST_BYTES) throw damaged(`${bytes.length} bytes are too few`)
  if (bytes.toString('latin1', 0, 8) !== MAGIC) throw invalid('resume: expected the bytes of a snapshot, got something else')
  const version = bytes.readUInt32LE(8)
  if (version !== SNAPSHOT_VERSION) throw invalid(`resume: expected a snapshot of version ${SNAPSHOT_VERSION}, got version ${version}`)
  const length = bytes.readUInt32LE(12)
  if (length > MAX_HEADER_BYTES) throw damaged(`a header of ${length} bytes, more than ${MAX_HEADER_BYTES}`)
  const header = bytes.subarray(FIXED_BYTES, FIXED_BYTES + length)
  if (header.length !== length || crc32(header) !== bytes.readUInt32LE(16)) throw damaged('its header does not add up')
  const found = checkHeader(header.toString('utf8'))
  const most = FIXED_BYTES + length + packedBound(found.bodyBytes) + DIGEST_BYTES
  if (bytes.length > most) throw damaged(`${bytes.length} bytes where ${most} are enough`)
  return found
}

/** Bytes that these many deflate to at the most. */
function packedBound(bytes: number): number {
  return bytes + Math.ceil(bytes / 1000) + 1024
}

/**
 * What a snapshot is of, without a model and without reading its body: where it can go on, how far it is.
 *
 * @throws `request/invalid` for what is no snapshot of this version or is damaged.
 * @example
 * const { task, step, steps } = snapshotHeader(await run.snapshot())
 */
export function snapshotHeader(snapshot: Uint8Array): SnapshotHeader {
  const { version, task, model, precision, variant, step, steps, sizes } = readHeader(snapshot)
  return { version, task, model, precision, variant, step, steps, sizes }
}

/** What a snapshot is of, once its digest is found right too. Rejects with `request/invalid`. */
export async function wholeSnapshot(snapshot: Uint8Array): Promise<SnapshotHeader> {
  const header = snapshotHeader(snapshot)
  await packedBody(snapshot)
  return header
}

async function packedBody(snapshot: Uint8Array): Promise<Buffer> {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength)
  const packed = bytes.subarray(FIXED_BYTES + bytes.readUInt32LE(12), -DIGEST_BYTES)
  if (!bytes.subarray(-DIGEST_BYTES).equals(await digest(packed))) throw damaged('its digest is another')
  return packed
}

/** The body, once its digest is found right. */
export async function readBody(snapshot: Uint8Array, { bodyBytes }: Header): Promise<Uint8Array> {
  const packed = await packedBody(snapshot)
  const body = await promisify(inflate)(packed, { maxOutputLength: Math.max(1, bodyBytes) }).catch((error: unknown) => {
    throw damaged(quote((error as Error).message))
  })
  if (body.length !== bodyBytes) throw damaged(`expected ${bodyBytes} bytes, got ${body.length}`)
  return body
}

function checkHeader(text: string): Header {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch {
    throw damaged('its header is not JSON')
  }
  const task = isObject(header) ? header['task'] : undefined
  if (!isTask(task)) throw damaged(`expected a known task, got ${show(task)}`)
  const fields = { ...COMMON, sizes: isTextTask(task) ? TOKENS : IMAGES }
  try {
    checkOptions('header', header, { fields, required: Object.keys(fields) })
  } catch (error) {
    throw damaged((error as Error).message)
  }
  const found = header as Header
  if (found.step > found.steps) throw damaged(`step ${found.step} of ${found.steps}`)
  const cells = 'width' in found.sizes ? found.sizes.width * found.sizes.height : 0
  if (cells > MAX_CELLS) throw damaged(`more than ${MAX_CELLS} cells`)
  if (found.pixels > cells * MAX_CELL_PIXELS) throw damaged(`a picture of ${found.pixels} pixels for ${cells} cells`)
  const bound = bodyBound(found)
  if (found.bodyBytes > bound) throw damaged(`a body of ${found.bodyBytes} bytes where ${bound} are enough`)
  return found
}

export function damaged(what: string): Error {
  return invalid(`resume: the snapshot is damaged: ${what}`)
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes))
}
