// PNG's international text chunks (iTXt, uncompressed): written into a finished PNG after its header, read back by keyword.
// Reads untrusted files: every length is checked.
import { crc32 } from 'node:zlib'

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const HEADER_END = 8 + 25 // signature and IHDR chunk

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
    const text = bytes.toString('latin1', at + 4, at + 8) === 'iTXt' ? readChunk(data, keyword) : undefined
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

function readChunk(data: Buffer, keyword: string): string | undefined {
  const end = data.indexOf(0)
  if (end < 0 || data.toString('latin1', 0, end) !== keyword || data[end + 1] !== 0) return undefined
  const language = data.indexOf(0, end + 3)
  const translated = language < 0 ? -1 : data.indexOf(0, language + 1)
  return translated < 0 ? undefined : data.toString('utf8', translated + 1)
}
