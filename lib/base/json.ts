// Data of ours as JSON: bytes become base64, other typed arrays arrays of numbers, 64-bit integers decimal digits. What a request, a step
// or a result is as JSON says docs/wire.md.
import { isTypedArray, typedArrayName } from './realm.js'

/** A value that `JSON.stringify` writes and `JSON.parse` gives back. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/**
 * A step, a result, an error's details or any other plain data of this package as a value that `JSON.stringify` writes. For data that has
 * travelled through `structuredClone` or a worker and lost its own `toJSON`.
 *
 * @example
 * worker.on('message', (step) => log(JSON.stringify(toJson(step))))
 */
export function toJson(value: unknown): Json {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (isTypedArray(value)) return arrayJson(value)
  if (Array.isArray(value)) return value.map((one: unknown) => (one === undefined ? null : toJson(one)))
  if (typeof value !== 'object') return null
  const entries = Object.entries(isImageResult(value) ? withoutFirst(value) : value)
  return Object.fromEntries(entries.flatMap(([name, one]) => (one === undefined || typeof one === 'function' ? [] : [[name, toJson(one)]])))
}

// The first picture's fields stand on a result too; as JSON it is written once.
function isImageResult(value: object): value is { readonly images: readonly object[] } {
  return 'images' in value && 'usage' in value && Array.isArray(value.images)
}

function withoutFirst(result: object): object {
  return Object.fromEntries(Object.entries(result).filter(([name]) => !['image', 'tokens', 'parameters', 'score'].includes(name)))
}

function arrayJson(array: ArrayLike<number | bigint> & ArrayBufferView): Json {
  const name = typedArrayName(array)
  if (name === 'Uint8Array') return base64(array as unknown as Uint8Array)
  if (name === 'Float32Array') return Array.from(array as ArrayLike<number>, shortest)
  return Array.from(array, (one) => (typeof one === 'bigint' ? String(one) : one))
}

/** The shortest decimal that reads back as the same 32-bit float. */
function shortest(value: number): number | null {
  if (!Number.isFinite(value)) return null
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}

const CHUNK = 0x8000 - (0x8000 % 3) // whole groups of three bytes

export function base64(bytes: Uint8Array): string {
  if (typeof Buffer === 'function') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) text += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)))
  return text
}

/** undefined for what is no base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
  if (typeof Buffer === 'function') return new Uint8Array(Buffer.from(text, 'base64'))
  const characters = atob(text)
  const bytes = new Uint8Array(characters.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i) // ten times as quick as Uint8Array.from with a function
  return bytes
}
