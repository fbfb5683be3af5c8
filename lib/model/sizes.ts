// What the weights of a model take in each type, from their shapes: the same rules as the converter's (docs/files.md#types).
import type { WeightType } from '../native/info.js'
import type { InspectReport } from './inspect.js'

/** Bits a value, blocks' scales included. */
const BITS: Readonly<Record<WeightType, number>> = {
  f32: 32,
  f16: 16,
  bf16: 16,
  q8_0: 8.5,
  q6_k: 6.5625,
  q5_k: 5.5,
  q4_k: 4.5,
  q4_0: 4.5,
}
const MATRIX = /^blk\.\d+\.(?:attn_(?:q|k|v|output)|ffn_(?:gate|up|down))\.weight$/
const FEW_BITS: readonly WeightType[] = ['q6_k', 'q5_k', 'q4_k', 'q4_0']
const QUANTISED: readonly WeightType[] = ['q8_0', ...FEW_BITS]

type Tensors = InspectReport['tensors']

export function weightBytes(tensors: Tensors, type: WeightType): number {
  return tensors.reduce((sum, { name, shape }) => sum + (count(shape) * bitsOf(name, type)) / 8, 0)
}

function bitsOf(name: string, type: WeightType): number {
  if (MATRIX.test(name)) return BITS[type]
  if (/^(?:token_embd|output)\.weight$/.test(name)) return FEW_BITS.includes(type) ? BITS.q6_k : BITS[type]
  if (name === 'vq.preview') return 8
  return name.startsWith('vq.decoder.') && QUANTISED.includes(type) ? BITS.f16 : BITS.f32
}

const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)

/** The type that most of the blocks' matrices have. */
export function mainType(tensors: Tensors): WeightType | undefined {
  const counts = new Map<string, number>()
  for (const { name, type } of tensors) if (MATRIX.test(name)) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] as WeightType | undefined
}
