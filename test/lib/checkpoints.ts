// Checkpoints made for tests: safetensors files of given or random values, and LLaDA's folder, whose configuration is that of the published
// models with smaller dimensions.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface TestTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: Buffer
}

export function writeSafetensors(file: string, tensors: readonly TestTensor[]): void {
  let at = 0
  const entries = tensors.map(({ name, dtype, shape, data }) => {
    const entry = [name, { dtype, shape, data_offsets: [at, at + data.length] }] as const
    at += data.length
    return entry
  })
  const json = JSON.stringify(Object.fromEntries(entries))
  const head = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(head.length))
  writeFileSync(file, Buffer.concat([length, head, ...tensors.map(({ data }) => data)]))
}

export function readSafetensors(file: string): TestTensor[] {
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => ({ name, dtype, shape, data: bytes.subarray(8 + length + from, 8 + length + to) }),
    )
}

/** bf16 values around zero, the same for the same seed. */
export function randomBf16(count: number, seed: number, scale: number): Buffer {
  const values = Buffer.alloc(2 * count)
  const f32 = new Float32Array(1)
  const bits = new Uint32Array(f32.buffer)
  let state = seed >>> 0 || 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    f32[0] = (state / 2 ** 31 - 1) * scale
    values.writeUInt16LE(bits[0]! >>> 16, 2 * i)
  }
  return values
}

const golden = path.resolve(import.meta.dirname, '../golden/checkpoint')

type Tokenizer = { added_tokens: { id: number; content: string }[] }

/** The golden tokenizer after `change`. */
export function editTokenizer(change: (tokenizer: Tokenizer) => void): string {
  const tokenizer = JSON.parse(readFileSync(path.join(golden, 'tokenizer.json'), 'utf8')) as Tokenizer
  change(tokenizer)
  return JSON.stringify(tokenizer)
}

const WIDTH = 64
const MLP = 192
const LAYERS = 2
/** As published: more rows than the tokenizer has ids. */
const ROWS = 640

/** config.json, tokenizer.json and model.safetensors of a small LLaDA. */
export function writeLlada(folder: string, { extra }: { readonly extra?: string } = {}): void {
  const config = {
    activation_type: 'silu',
    alibi: false,
    architectures: ['LLaDAModelLM'],
    attention_layer_norm: false,
    auto_map: { AutoConfig: 'configuration_llada.LLaDAConfig', AutoModelForCausalLM: 'modeling_llada.LLaDAModelLM' },
    bias_for_layer_norm: false,
    block_type: 'llama',
    d_model: WIDTH,
    embedding_size: ROWS,
    eos_token_id: 577,
    include_bias: false,
    include_qkv_bias: false,
    input_emb_norm: false,
    layer_norm_type: 'rms',
    mask_token_id: 583,
    max_sequence_length: 4096,
    mlp_hidden_size: MLP,
    mlp_ratio: 4,
    model_type: 'llada',
    multi_query_attention: null,
    n_heads: 4,
    n_kv_heads: 4,
    n_layers: LAYERS,
    pad_token_id: 577,
    rms_norm_eps: 1e-5,
    rope: true,
    rope_theta: 500000.0,
    scale_logits: false,
    vocab_size: ROWS,
    weight_tying: false,
  }
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config))
  // LLaDA's tokenizer has neither answers nor pictures.
  const ours = /^<\/?(answer|IMAGE|uncondition|system|user|padding)>$/
  writeFileSync(
    path.join(folder, 'tokenizer.json'),
    editTokenizer((tokenizer) => {
      tokenizer.added_tokens = tokenizer.added_tokens.filter(({ content }) => !ours.test(content))
    }),
  )
  const block = (i: number): [string, number[]][] =>
    [
      ['attn_norm', [WIDTH]],
      ['q_proj', [WIDTH, WIDTH]],
      ['k_proj', [WIDTH, WIDTH]],
      ['v_proj', [WIDTH, WIDTH]],
      ['attn_out', [WIDTH, WIDTH]],
      ['ff_norm', [WIDTH]],
      ['ff_proj', [MLP, WIDTH]],
      ['up_proj', [MLP, WIDTH]],
      ['ff_out', [WIDTH, MLP]],
    ].map(([name, shape]) => [`model.transformer.blocks.${i}.${name as string}.weight`, shape as number[]])
  const shapes: [string, number[]][] = [
    ['model.transformer.wte.weight', [ROWS, WIDTH]],
    ...Array.from({ length: LAYERS }, (_, i) => block(i)).flat(),
    ['model.transformer.ln_f.weight', [WIDTH]],
    ['model.transformer.ff_out.weight', [ROWS, WIDTH]],
    ...(extra === undefined ? [] : ([[extra, [WIDTH]]] as [string, number[]][])),
  ]
  writeSafetensors(
    path.join(folder, 'model.safetensors'),
    shapes.map(([name, shape], i) => ({
      name,
      dtype: 'BF16',
      shape,
      data: randomBf16(
        shape.reduce((a, b) => a * b, 1),
        i + 1,
        0.2,
      ),
    })),
  )
}
