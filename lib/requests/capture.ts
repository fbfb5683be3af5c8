// Inputs are the caller's until a call returns, and ours afterwards: every buffer in a request is copied at once, so that it may be changed,
// transferred or resized while a run reads it. What cannot be copied (paths, Blobs, which never change, streams) stays as it is.
import { isArrayBuffer, isDetached, isObject, isTypedArray, typedArrayName, type TypedArray } from '../base/realm.js'
import type { Field, Fields } from '../fields/field.js'
import { isCells, isMade, isRawImage, type RawImage } from '../fields/values.js'

/** A copy of a request whose fields nobody else holds. Getters are asked once. */
export function capture<T extends object>(request: T, fields: Fields): T {
  return Object.fromEntries(
    Object.entries(request).map(([name, value]) => [name, Object.hasOwn(fields, name) ? captured(value, fields[name]!) : value]),
  ) as T
}

function captured(value: unknown, field: Field): unknown {
  if (value === undefined) return undefined
  switch (field.kind) {
    case 'picture':
    case 'region':
      return capturePicture(value)
    case 'schedule':
      return isTypedArray(value) || Array.isArray(value) ? Array.from(value as ArrayLike<number>) : value
    case 'i32':
    case 'u32':
    case 'f32':
    case 'bytes':
      return isTypedArray(value) ? copyOf(value) : value
    case 'list':
      return Array.isArray(value) ? value.map((one) => captured(one, field.of)) : value
    case 'group':
      return isObject(value) ? capture(value, field.fields) : value
    case 'either': {
      if (isTypedArray(value) || isArrayBuffer(value)) return capturePicture(value)
      const group = field.of.find(
        (one) => one.kind === 'group' && isObject(value) && (one.required ?? Object.keys(one.fields)).some((name) => name in value),
      )
      if (group) return captured(value, group)
      return field.of.some(({ kind }) => kind === 'region' || kind === 'picture') ? capturePicture(value) : value
    }
    default:
      return value
  }
}

/** A picture or a region of which nobody else holds the bytes. */
export function capturePicture(value: unknown): unknown {
  if (isTypedArray(value)) return copyOf(value)
  if (isArrayBuffer(value)) return isDetached(value) ? new Uint8Array(0) : new Uint8Array(value).slice()
  if (isMade(value)) {
    const { image, tokens, parameters } = value
    return { image: captureRaw(image), tokens: copyOf(tokens), parameters: structuredClone(parameters) }
  }
  if (isRawImage(value)) return captureRaw(value)
  if (isCells(value)) return Uint32Array.from(value)
  if (Array.isArray(value)) return value.map((one: unknown) => (isObject(one) ? { ...one } : one))
  return isPlain(value) ? { ...value } : value
}

function captureRaw(image: RawImage): RawImage {
  const { data, width, height, channels } = image
  return { data: isTypedArray(data) ? copyOf(data) : data, width, height, channels }
}

// Into memory of its own: the bytes may be shared with another thread, or a part of something large.
function copyOf<T extends TypedArray>(array: T): T {
  const name = typedArrayName(array)
  if (name === 'Uint8Array') return new Uint8Array(array as unknown as Uint8Array) as unknown as T
  return array.slice() as T
}

const isPlain = (value: unknown): value is object =>
  isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
