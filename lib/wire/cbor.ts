// Plain data as bytes: CBOR (RFC 8949) with little-endian typed arrays (RFC 8746), definite lengths and text keys only. Any CBOR library
// reads it. Decoding trusts no byte: depth, items and lengths are bounded before anything is allocated, and nothing but plain values comes out.
import { invalid } from '../base/errors.js'
import { typedArrayName, type TypedArray } from '../base/realm.js'

/** What a decoder takes. */
export interface Limits {
  /** Bytes in all. */
  readonly maxBytes: number
  /** Arrays and maps inside of each other. */
  readonly maxDepth: number
  /** Values in all, keys included; a typed array is one. */
  readonly maxItems: number
}

export const LIMITS: Limits = { maxBytes: 256 * 1024 * 1024, maxDepth: 16, maxItems: 65_536 }

type Maker = { new (buffer: ArrayBuffer): TypedArray; readonly BYTES_PER_ELEMENT: number }
const TAGS: readonly (readonly [tag: number, name: string, make: Maker])[] = [
  [69, 'Uint16Array', Uint16Array],
  [70, 'Uint32Array', Uint32Array],
  [71, 'BigUint64Array', BigUint64Array],
  [77, 'Int16Array', Int16Array],
  [78, 'Int32Array', Int32Array],
  [85, 'Float32Array', Float32Array],
  [86, 'Float64Array', Float64Array],
]

const UINT = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const SIMPLE = 7
/** A tag: bytes that are CBOR by themselves. */
export const EMBEDDED = 24

const FALSE = 20
const TRUE = 21
const NULL = 22
const FLOAT64 = 27

/** A writer larger than this is not kept for the next message. */
const KEPT_BYTES = 256 * 1024

class Writer {
  #bytes = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  get isLarge(): boolean {
    return this.#bytes.length > KEPT_BYTES
  }

  clear(): void {
    this.#length = 0
  }

  /** A copy, from `begin` on. */
  copy(begin = 0): Uint8Array {
    return this.#bytes.slice(begin, this.#length)
  }

  /** The first `length` bytes. */
  copyTo(target: Uint8Array, at: number, length: number): void {
    target.set(this.#bytes.subarray(0, length), at)
  }

  get length(): number {
    return this.#length
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const bytes = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more))
    bytes.set(this.#bytes)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  head(major: number, value: number): void {
    this.#room(9)
    const type = major << 5
    if (value < 24) this.#bytes[this.#length++] = type | value
    else if (value < 0x100) {
      this.#bytes[this.#length++] = type | 24
      this.#bytes[this.#length++] = value
    } else if (value < 0x10000) {
      this.#bytes[this.#length++] = type | 25
      this.#view.setUint16(this.#length, value)
      this.#length += 2
    } else if (value < 0x1_0000_0000) {
      this.#bytes[this.#length++] = type | 26
      this.#view.setUint32(this.#length, value)
      this.#length += 4
    } else {
      this.#bytes[this.#length++] = type | 27
      this.#view.setBigUint64(this.#length, BigInt(value))
      this.#length += 8
    }
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  float(value: number): void {
    this.#room(9)
    this.#bytes[this.#length++] = (SIMPLE << 5) | FLOAT64
    this.#view.setFloat64(this.#length, value)
    this.#length += 8
  }
}

const utf8 = new TextEncoder()

// Used again for message after message: only what comes of it is garbage one day.
let writer: Writer | undefined

/** Entries that are undefined are left out. Throws `request/invalid` for what is no plain data (functions, bigints, symbols). */
export function encodeCbor(value: unknown): Uint8Array {
  return written((out) => {
    write(out, value, 0)
    return out.copy()
  })
}

/** The same within a byte string with tag 24 (RFC 8949, 3.4.5.1). */
export function encodeEmbedded(value: unknown): Uint8Array {
  return written((out) => {
    write(out, value, 0)
    const { length } = out
    out.head(TAG, EMBEDDED)
    out.head(BYTES, length)
    const head = out.copy(length)
    const all = new Uint8Array(head.length + length)
    all.set(head)
    out.copyTo(all, head.length, length)
    return all
  })
}

function written(work: (out: Writer) => Uint8Array): Uint8Array {
  const out = writer ?? new Writer()
  writer = undefined // a message within one, as from a getter, has its own
  out.clear()
  const bytes = work(out)
  if (!out.isLarge) writer = out
  return bytes
}

function write(out: Writer, value: unknown, depth: number): void {
  if (depth > LIMITS.maxDepth) throw invalid(`wire: expected data at most ${LIMITS.maxDepth} levels deep, got more`)
  if (typeof value === 'number') writeNumber(out, value)
  else if (typeof value === 'string') writeText(out, value)
  else if (typeof value === 'boolean') out.head(SIMPLE, value ? TRUE : FALSE)
  else if (value === null || value === undefined) out.head(SIMPLE, NULL)
  else if (typeof value !== 'object') throw invalid(`wire: expected plain data, got a ${typeof value}`)
  else if (ArrayBuffer.isView(value)) writeArray(out, value)
  else if (Array.isArray(value)) {
    out.head(ARRAY, value.length)
    for (const one of value as readonly unknown[]) write(out, one, depth + 1)
  } else {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined)
    out.head(MAP, entries.length)
    for (const [name, one] of entries) {
      writeText(out, name)
      write(out, one, depth + 1)
    }
  }
}

function writeNumber(out: Writer, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) out.float(value)
  else if (value >= 0) out.head(UINT, value)
  else out.head(NEGATIVE, -1 - value)
}

function writeText(out: Writer, text: string): void {
  const bytes = utf8.encode(text)
  out.head(TEXT, bytes.length)
  out.raw(bytes)
}

function writeArray(out: Writer, view: ArrayBufferView): void {
  const name = typedArrayName(view)
  const tag = name === 'Uint8Array' ? undefined : TAGS.find((one) => one[1] === name)?.[0]
  if (name !== 'Uint8Array' && tag === undefined) throw invalid(`wire: expected a typed array that travels, got ${name ?? 'a DataView'}`)
  if (tag !== undefined) out.head(TAG, tag)
  out.head(BYTES, view.byteLength)
  out.raw(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
}

/** Throws `request/invalid`, in the words of `what`, for what is damaged or beyond the limits. Arrays are copies. */
export function decodeCbor(bytes: Uint8Array, limits: Limits = LIMITS, what = 'wire'): unknown {
  const reader = new Reader(bytes, limits, what)
  const value = reader.value(0)
  reader.end()
  return value
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #limits: Limits
  readonly #what: string
  #at = 0
  #items = 0

  constructor(bytes: Uint8Array, limits: Limits, what: string) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) // not a Buffer, whose slice is no copy
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
    this.#what = what
    if (bytes.length > limits.maxBytes) throw this.#bad(`${bytes.length} bytes, more than ${limits.maxBytes}`)
  }

  value(depth: number): unknown {
    const { maxDepth, maxItems } = this.#limits
    if (depth > maxDepth) throw this.#bad(`more than ${maxDepth} levels`)
    if (++this.#items > maxItems) throw this.#bad(`more than ${maxItems} values`)
    const initial = this.#byte()
    const info = initial & 31
    switch (initial >> 5) {
      case UINT:
        return this.#argument(info)
      case NEGATIVE:
        return -1 - this.#argument(info)
      case BYTES:
        return this.#copy(this.#argument(info))
      case TEXT:
        return this.#text(this.#argument(info))
      case ARRAY:
        return this.#array(this.#argument(info), depth)
      case MAP:
        return this.#map(this.#argument(info), depth)
      case TAG:
        return this.#typed(this.#argument(info))
      default:
        return this.#simple(info)
    }
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw this.#bad(`${this.#bytes.length - this.#at} bytes after the end`)
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)]!
  }

  #argument(info: number): number {
    if (info < 24) return info
    if (info === 24) return this.#byte()
    if (info === 25) return this.#view.getUint16(this.#skip(2))
    if (info === 26) return this.#view.getUint32(this.#skip(4))
    if (info !== 27) throw this.#bad('a length that is not definite')
    const value = this.#view.getBigUint64(this.#skip(8))
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#bad('an integer beyond 2^53')
    return Number(value)
  }

  /** Where so many bytes begin, which are there. */
  #skip(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) throw this.#bad(`${length} bytes expected, ${this.#bytes.length - at} left`)
    this.#at = at + length
    return at
  }

  #copy(length: number): Uint8Array<ArrayBuffer> {
    const at = this.#skip(length)
    return this.#bytes.slice(at, at + length)
  }

  #text(length: number): string {
    const at = this.#skip(length)
    try {
      return strict.decode(this.#bytes.subarray(at, at + length))
    } catch (error) {
      throw error instanceof TypeError ? this.#bad('text that is no UTF-8') : error
    }
  }

  // Every value takes a byte at least, so that a length alone allocates nothing.
  #checkCount(count: number, bytesEach: number): void {
    if (count * bytesEach > this.#bytes.length - this.#at)
      throw this.#bad(`${count} values expected in ${this.#bytes.length - this.#at} bytes`)
  }

  #array(count: number, depth: number): unknown[] {
    this.#checkCount(count, 1)
    const values: unknown[] = []
    for (let i = 0; i < count; i++) values.push(this.value(depth + 1))
    return values
  }

  #map(count: number, depth: number): Record<string, unknown> {
    this.#checkCount(count, 2)
    const entries: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      const name = this.value(depth + 1)
      if (typeof name !== 'string') throw this.#bad('a name that is no text')
      if (name === '__proto__' || Object.hasOwn(entries, name)) throw this.#bad(`the name '${name.slice(0, 40)}' where it must not be`)
      entries[name] = this.value(depth + 1)
    }
    return entries
  }

  #typed(tag: number): TypedArray {
    const known = TAGS.find((one) => one[0] === tag)
    if (!known) throw this.#bad(`tag ${tag}`)
    const initial = this.#byte()
    if (initial >> 5 !== BYTES) throw this.#bad('a typed array without bytes')
    const length = this.#argument(initial & 31)
    const [, name, make] = known
    if (length % make.BYTES_PER_ELEMENT !== 0) throw this.#bad(`${length} bytes for an ${name}`)
    return new make(this.#copy(length).buffer)
  }

  #simple(info: number): unknown {
    if (info === FALSE) return false
    if (info === TRUE) return true
    if (info === NULL || info === 23) return null
    if (info !== FLOAT64) throw this.#bad(`a value of kind 7.${info}`)
    return this.#view.getFloat64(this.#skip(8))
  }

  #bad(got: string): Error {
    return invalid(`${this.#what}: the bytes are damaged: ${got}`)
  }
}
