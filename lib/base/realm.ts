// What a value is, whichever realm made it: Jest's and vitest's sandboxes, `vm` contexts, jsdom and frames have constructors of their own,
// which `instanceof` does not know. Internal slots and methods are asked instead. Needs nothing of Node.

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const tag = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag) as { readonly get: (this: unknown) => string | undefined }

export type TypedArray =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array

/** 'Uint8Array' and so on (a Buffer is one), undefined for anything else. Reads an internal slot: nobody can pretend. */
export function typedArrayName(value: unknown): string | undefined {
  return ArrayBuffer.isView(value) ? tag.get.call(value) : undefined
}

export function isTypedArray(value: unknown): value is TypedArray {
  return typedArrayName(value) !== undefined
}

export function isUint8Array(value: unknown): value is Uint8Array {
  return typedArrayName(value) === 'Uint8Array'
}

/** Also one whose bytes another thread may see. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer | SharedArrayBuffer {
  const tag = Object.prototype.toString.call(value)
  if (tag !== '[object ArrayBuffer]' && tag !== '[object SharedArrayBuffer]') return false
  try {
    new Uint8Array(value as ArrayBuffer, 0, 0)
    return true
  } catch {
    return isDetached(value as ArrayBuffer)
  }
}

/** A buffer that was transferred away: nothing of it is left. */
export function isDetached(buffer: ArrayBuffer | SharedArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

/** Something with the bytes of a file: Node's, a browser's or jsdom's Blob or File. */
export function isBlob(value: unknown): value is Blob {
  return hasMethods(value, ['arrayBuffer', 'slice']) && typeof (value as Blob).size === 'number'
}

export function isAbortSignal(value: unknown): value is AbortSignal {
  return hasMethods(value, ['addEventListener', 'removeEventListener']) && typeof (value as AbortSignal).aborted === 'boolean'
}

export function isUrl(value: unknown): value is URL {
  return (
    typeof value === 'object' && value !== null && typeof (value as URL).href === 'string' && typeof (value as URL).protocol === 'string'
  )
}

/** Bytes that come a piece at a time: a web stream, a Node stream, an async iterable. */
export function isByteStream(value: unknown): value is AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || hasMethods(value, ['getReader', 'cancel']))
}

export function hasMethods(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' && value !== null && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  )
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
