// Snapshots as whoever wants to harm us would make them: taken apart, changed at will, put together with right digests.
import { createHash } from 'node:crypto'
import { crc32, deflateSync, inflateSync } from 'node:zlib'
import { decodeCbor, encodeCbor } from '../../dist/wire/cbor.js'

const FIXED = 20

/** {header, body: {request, state}} of a snapshot. */
export function open(snapshot) {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.length)
  const length = bytes.readUInt32LE(12)
  const header = JSON.parse(bytes.toString('utf8', FIXED, FIXED + length))
  return { header, body: decodeCbor(inflateSync(bytes.subarray(FIXED + length, -32))) }
}

/** A snapshot of this header and these bytes as its body, every digest right. `bodyBytes` may lie. */
export function pack(header, body, { bodyBytes = body.length, text = undefined, length = undefined } = {}) {
  const json = Buffer.from(text ?? JSON.stringify({ ...header, bodyBytes }))
  const packed = deflateSync(body, { level: 1 })
  const fixed = Buffer.alloc(FIXED)
  fixed.write('DIMOOSNP', 'latin1')
  fixed.writeUInt32LE(header.version, 8)
  fixed.writeUInt32LE(length ?? json.length, 12)
  fixed.writeUInt32LE(crc32(json), 16)
  return new Uint8Array(Buffer.concat([fixed, json, packed, createHash('sha256').update(packed).digest()]))
}

/** The same from values. */
export function packValues(header, body) {
  return pack(header, encodeCbor(body))
}

/** The native state as numbers, to be changed and written again: i64 each, but for cells, which are i32. */
export class State {
  constructor(bytes) {
    this.bytes = Buffer.from(bytes)
  }
  at(place) {
    return this.bytes.readBigInt64LE(place * 8)
  }
  with(place, value) {
    const changed = Buffer.from(this.bytes)
    changed.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)), place * 8)
    return new Uint8Array(changed)
  }
}

/** CBOR's head of an array or a map (major 4, 5) or a string (2, 3) of so many, as four bytes of length. */
export function head(major, count) {
  const bytes = Buffer.alloc(5)
  bytes[0] = (major << 5) | 26
  bytes.writeUInt32BE(count, 1)
  return bytes
}

/** Pseudo-random numbers, the same every time. */
export function random(seed) {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
