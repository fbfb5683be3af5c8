// PNG's text chunks: written into a finished PNG after its header as iTXt, read back by keyword from iTXt, zTXt and tEXt, compressed or
// not, as other tools write them again. Reads untrusted files: every length is checked, and what is inflated is bounded.
import { crc32, inflateSync } from 'node:zlib'

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const HEADER_END = 8 + 25 // signature and IHDR chunk
const MOST_TEXT = 4 << 20

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte)
}

/** A copy of `png` with one chunk per entry. */
export function addPngText(png: Uint8Array, entries: Readonly<Record<string, string>>): Uint8Array {
  const chunks = Object.entries(entries).map(([keyword, text]) => makeChunk(keyword, text))
  return Buffer.concat([png.subarray(0, HEADER_END), ...chunks, png.subarray(HEADER_END)])
}

/** The text under `keyword`, or undefined. */
export function readPngText(png: Uint8Array, keyword: string): string | undefined {
  if (!isPng(png)) return undefined
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength)
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at)
    const data = bytes.subarray(at + 8, at + 8 + length)
    if (data.length < length) return undefined
    const text = readChunk(bytes.toString('latin1', at + 4, at + 8), data, keyword)
    if (text !== undefined) return text
    at += 12 + length
  }
  return undefined
}

// Length, type, then keyword 0 compressed? method language 0 translated keyword 0 text, then the CRC of type and data.
function makeChunk(keyword: string, text: string): Buffer {
  const data = Buffer.concat([Buffer.from(`iTXt${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')])
  const chunk = Buffer.alloc(data.length + 8)
  chunk.writeUInt32BE(data.length - 4, 0)
  data.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(data), data.length + 4)
  return chunk
}

function readChunk(type: string, data: Buffer, keyword: string): string | undefined {
  const end = data.indexOf(0)
  if (end < 0 || data.toString('latin1', 0, end) !== keyword) return undefined
  if (type === 'iTXt') return readInternational(data, end)
  // Our texts are UTF-8 wherever a tool has put them; Latin 1 of one of ours is the same as far as it is ASCII.
  if (type === 'tEXt') return data.toString('utf8', end + 1)
  return type === 'zTXt' && data[end + 1] === 0 ? inflated(data.subarray(end + 2)) : undefined
}

function readInternational(data: Buffer, end: number): string | undefined {
  const language = data.indexOf(0, end + 3)
  const translated = language < 0 ? -1 : data.indexOf(0, language + 1)
  if (translated < 0) return undefined
  const text = data.subarray(translated + 1)
  if (data[end + 1] === 0) return text.toString('utf8')
  return data[end + 1] === 1 && data[end + 2] === 0 ? inflated(text) : undefined
}

function inflated(bytes: Buffer): string | undefined {
  try {
    return inflateSync(bytes, { maxOutputLength: MOST_TEXT }).toString('utf8')
  } catch {
    return undefined
  }
}
