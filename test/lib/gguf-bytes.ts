// A GGUF file written by hand: keys of the kinds that tests need, tensors of zeros or of given f32 values.

export type GgufValue =
  string | boolean | { readonly u32: number } | { readonly f32: number } | readonly string[] | { readonly i32s: readonly number[] }
export interface GgufTensor {
  readonly name: string
  /** Outermost first. */
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const ALIGNMENT = 32

export function ggufBytes(keys: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Buffer {
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(Object.keys(keys).length)]
  for (const [name, value] of Object.entries(keys)) parts.push(text(name), ...encoded(value))
  let offset = 0
  for (const { name, shape, values } of tensors) {
    parts.push(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(0), u64(offset))
    offset += aligned(values.byteLength)
  }
  const head = Buffer.concat(parts)
  const data = tensors.map(({ values }) => padded(Buffer.from(values.buffer, values.byteOffset, values.byteLength)))
  return Buffer.concat([padded(head), ...data])
}

function encoded(value: GgufValue): Buffer[] {
  if (typeof value === 'string') return [u32(8), text(value)]
  if (typeof value === 'boolean') return [u32(7), Buffer.from([value ? 1 : 0])]
  if (Array.isArray(value)) return [u32(9), u32(8), u64(value.length), ...(value as readonly string[]).map(text)]
  if ('u32' in value) return [u32(4), u32(value.u32)]
  if ('f32' in value) return [u32(6), Buffer.from(Float32Array.of(value.f32).buffer)]
  const { i32s } = value as { i32s: readonly number[] }
  return [u32(9), u32(5), u64(i32s.length), Buffer.from(Int32Array.from(i32s).buffer)]
}

function u32(value: number): Buffer {
  return Buffer.from(Uint32Array.of(value).buffer)
}

function u64(value: number): Buffer {
  return Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
}

function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)])
}
