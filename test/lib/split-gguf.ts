// One GGUF file as llama.cpp's gguf-split writes it: several, of which the first has the metadata; each has its own tensors and says which
// of how many it is.
import { readFileSync, writeFileSync } from 'node:fs'

const ALIGNMENT = 32
const SIZES: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 }

interface Tensor {
  /** Its entry without the offset. */
  readonly entry: Buffer
  readonly offset: number
}

/** Writes `<stem>-00001-of-0000N.gguf` and so on; returns their paths. */
export function splitGguf(file: string, stem: string, count: number): string[] {
  const bytes = readFileSync(file)
  const { keys, keyCount, tensors, dataStart } = read(bytes)
  const ends = tensors.map((_, i) => tensors[i + 1]?.offset ?? bytes.length - dataStart)
  const each = Math.ceil(tensors.length / count)
  return Array.from({ length: count }, (_, part) => {
    const from = part * each
    const own = tensors.slice(from, from + each)
    let at = 0
    const entries = own.map(({ entry, offset }, i) => {
      const made = Buffer.concat([entry, u64(at)])
      at += ends[from + i]! - offset
      return made
    })
    const split = [key('split.no', u16(part), 2), key('split.count', u16(count), 2), key('split.tensors.count', u32(tensors.length), 5)]
    const first = part === 0 ? [keys] : []
    const head = Buffer.concat([
      Buffer.from('GGUF'),
      u32(3),
      u64(own.length),
      u64(split.length + (part === 0 ? keyCount : 0)),
      ...first,
      ...split,
      ...entries,
    ])
    const data = own.map(({ offset }, i) => bytes.subarray(dataStart + offset, dataStart + ends[from + i]!))
    const padding = Buffer.alloc((ALIGNMENT - (head.length % ALIGNMENT)) % ALIGNMENT)
    const name = `${stem}-${String(part + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`
    writeFileSync(name, Buffer.concat([head, padding, ...data]))
    return name
  })
}

function read(bytes: Buffer): { keys: Buffer; keyCount: number; tensors: Tensor[]; dataStart: number } {
  const [tensorCount, keyCount] = [8, 16].map((at) => Number(bytes.readBigUInt64LE(at))) as [number, number]
  let at = 24
  const skipText = (): void => void (at += 8 + Number(bytes.readBigUInt64LE(at)))
  const skipValue = (type: number): void => {
    if (type === 8) {
      skipText()
      return
    }
    if (type !== 9) {
      at += SIZES[type]!
      return
    }
    const [inner, length] = [bytes.readUInt32LE(at), Number(bytes.readBigUInt64LE(at + 4))]
    at += 12
    for (let i = 0; i < length; i++) skipValue(inner)
  }
  for (let i = 0; i < keyCount; i++) {
    skipText()
    at += 4
    skipValue(bytes.readUInt32LE(at - 4))
  }
  const keys = bytes.subarray(24, at)
  const tensors: Tensor[] = []
  for (let i = 0; i < tensorCount; i++) {
    const start = at
    skipText()
    at += 4 + 8 * bytes.readUInt32LE(at) + 4
    tensors.push({ entry: bytes.subarray(start, at), offset: Number(bytes.readBigUInt64LE(at)) })
    at += 8
  }
  return { keys, keyCount, tensors, dataStart: Math.ceil(at / ALIGNMENT) * ALIGNMENT }
}

function key(name: string, value: Buffer, type: number): Buffer {
  return Buffer.concat([u64(name.length), Buffer.from(name), u32(type), value])
}

const u16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer)
const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
