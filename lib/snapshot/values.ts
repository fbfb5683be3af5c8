// Plain objects with typed arrays and bigints as bytes, and back: JSON for the objects, the arrays behind it. Reads untrusted bytes:
// every length is checked, nothing but plain values comes out. Little-endian, as every machine that the addon runs on.
// Layout: length of the JSON (u32), JSON, then each array aligned to 8 bytes.
import { invalid } from '../base/errors.js'

const ARRAYS = { u8: Uint8Array, u32: Uint32Array, i32: Int32Array, f32: Float32Array, u64: BigUint64Array } as const
type ArrayKind = keyof typeof ARRAYS
type AnyArray = InstanceType<(typeof ARRAYS)[ArrayKind]>

const ALIGNMENT = 8
const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT

function kindOf(value: unknown): ArrayKind | undefined {
  return (Object.keys(ARRAYS) as ArrayKind[]).find((kind) => value instanceof ARRAYS[kind])
}

/** An array in the JSON: {"$array": [kind, offset, length]}; a bigint: {"$bigint": digits}. */
export function packValue(value: object): Uint8Array {
  const arrays: { readonly bytes: Uint8Array; readonly offset: number }[] = []
  let size = 0
  // JSON.stringify would ask a Buffer for its own JSON first, so the tree is turned into plain values before.
  const plain = (one: unknown): unknown => {
    const kind = kindOf(one)
    if (kind) {
      const array = one as AnyArray
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
      arrays.push({ bytes, offset: size })
      const reference = { $array: [kind, size, array.length] }
      size += aligned(bytes.length)
      return reference
    }
    if (typeof one === 'bigint') return { $bigint: String(one) }
    if (Array.isArray(one)) return one.map(plain)
    if (typeof one !== 'object' || one === null) return one
    return Object.fromEntries(Object.entries(one).map(([name, entry]) => [name, plain(entry)]))
  }
  const json = new TextEncoder().encode(JSON.stringify(plain(value)))
  const start = aligned(4 + json.length)
  const packed = new Uint8Array(start + size)
  new DataView(packed.buffer).setUint32(0, json.length, true)
  packed.set(json, 4)
  for (const { bytes, offset } of arrays) packed.set(bytes, start + offset)
  return packed
}

/** Throws `request/invalid` for what is damaged. Arrays are copies. */
export function unpackValue(packed: Uint8Array): unknown {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const length = packed.length >= 4 ? view.getUint32(0, true) : Infinity
  if (4 + length > packed.length) throw damaged(`JSON of ${length} bytes in ${packed.length}`)
  // Not a Buffer, whose slice is no copy.
  const arrays = new Uint8Array(packed.buffer, packed.byteOffset, packed.length).subarray(Math.min(aligned(4 + length), packed.length))
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(packed.subarray(4, 4 + length)), (name, one: unknown) =>
      revive(name, one, arrays),
    )
  } catch (error) {
    const known = error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError
    throw known ? damaged(error.message) : error
  }
}

function revive(name: string, value: unknown, arrays: Uint8Array): unknown {
  if (name === '__proto__') throw damaged("an entry named '__proto__'")
  if (typeof value !== 'object' || value === null) return value
  if ('$bigint' in value) {
    if (typeof value.$bigint === 'string' && /^\d{1,20}$/.test(value.$bigint)) return BigInt(value.$bigint)
    throw damaged('a number that is none')
  }
  return '$array' in value ? readArray(value.$array, arrays) : value
}

function readArray(reference: unknown, arrays: Uint8Array): AnyArray {
  const [kind, offset, length] = Array.isArray(reference) ? (reference as unknown[]) : []
  if (typeof kind !== 'string' || !Object.hasOwn(ARRAYS, kind)) throw damaged('an array of no kind')
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) throw damaged('an array without a place')
  const type = ARRAYS[kind as ArrayKind]
  const [from, count] = [offset as number, length as number]
  const bytes = count * type.BYTES_PER_ELEMENT
  if (from < 0 || count < 0 || from + bytes > arrays.length) throw damaged(`an array of ${count} beyond the end`)
  return new type(arrays.slice(from, from + bytes).buffer)
}

export function damaged(what: string): Error {
  return invalid(`resume: the snapshot is damaged: ${what}`)
}
