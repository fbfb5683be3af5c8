// Seeds for the fuzz targets: node test/fuzz/make-corpus.mjs <folder> writes <folder>/<target>/{good,bad}-<n>. Good ones are
// accepted by the readers, bad ones reach a refusal each.
import fs from 'node:fs'
import path from 'node:path'

const root = process.argv[2]
if (!root) throw new Error('usage: node test/fuzz/make-corpus.mjs <folder>')

function seeds(target, good, bad) {
  const folder = path.join(root, target)
  fs.mkdirSync(folder, { recursive: true })
  for (const [kind, list] of Object.entries({ good, bad })) {
    list.forEach((bytes, i) => fs.writeFileSync(path.join(folder, `${kind}-${i}`), bytes))
  }
}

const u8 = (value) => Buffer.from([value])
const u32 = (value) => Buffer.from(new Uint32Array([value]).buffer)
const u64 = (value) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer)
const f32 = (...values) => Buffer.from(new Float32Array(values).buffer)
const str = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)])
const key = (name, type, value) => Buffer.concat([str(name), u32(type), value])
const array = (type, count, ...values) => Buffer.concat([u32(type), u64(count), ...values])
const tensor = (name, sides, type, offset) => Buffer.concat([str(name), u32(sides.length), ...sides.map(u64), u32(type), u64(offset)])

function gguf({
  magic = 'GGUF',
  version = 3,
  keys = [],
  tensors = [],
  data = 0,
  keyCount = keys.length,
  tensorCount = tensors.length,
  alignment = 32,
}) {
  const head = Buffer.concat([Buffer.from(magic), u32(version), u64(tensorCount), u64(keyCount), ...keys, ...tensors])
  const padding = Buffer.alloc((alignment - (head.length % alignment)) % alignment)
  return Buffer.concat([head, padding, Buffer.alloc(data, 0x11)])
}

const architecture = key('general.architecture', 8, str('lumina-dimoo'))
const scalars = [
  [0, u8(1)],
  [1, u8(255)],
  [2, u32(7).subarray(0, 2)],
  [3, u32(7).subarray(0, 2)],
  [4, u32(7)],
  [5, u32(7)],
  [6, f32(0.5)],
  [7, u8(1)],
  [8, str('text')],
  [9, array(4, 2, u32(1), u32(2))],
  [10, u64(9)],
  [11, u64(9)],
  [12, Buffer.alloc(8, 1)],
].map(([type, value]) => key(`k${type}`, type, value))
const types = {
  f32: [0, 1, 4],
  f16: [1, 1, 2],
  q4_0: [2, 32, 18],
  q8_0: [8, 32, 34],
  q4_k: [12, 256, 144],
  q5_k: [13, 256, 176],
  q6_k: [14, 256, 210],
  i8: [24, 1, 1],
  i32: [26, 1, 4],
  bf16: [30, 1, 2],
}
const ofType = ([number, block, bytes]) =>
  gguf({ tensors: [tensor('t', [block, 2], number, 0)], data: block === 1 ? bytes * 2 : bytes * 2 })
const two = [tensor('a', [8], 0, 0), tensor('b', [4, 2], 0, 32)]

const goodGguf = [
  gguf({}),
  gguf({ keys: [architecture], tensors: two, data: 64 }),
  gguf({ keys: scalars }),
  gguf({ keys: [key('n', 9, array(9, 1, array(8, 1, str('x'))))] }),
  gguf({ keys: [key('general.alignment', 4, u32(64))], tensors: [tensor('a', [8], 0, 0)], data: 32, alignment: 64 }),
  ...Object.values(types).map(ofType),
  gguf({ keys: [key('tokenizer.huggingface.json', 8, str('{}')), key('lumina-dimoo.generation.json', 8, str('{"image":{}}'))] }),
]
const badGguf = [
  Buffer.from('GG'),
  Buffer.from('GGUF'),
  gguf({ magic: 'GGUX' }),
  gguf({ version: 2 }),
  gguf({ keyCount: 2n ** 60n }),
  gguf({ tensorCount: 2n ** 60n }),
  gguf({ keys: [u64(2n ** 63n)], keyCount: 1, data: 32 }),
  gguf({ keys: [key('k', 9, array(0, 2n ** 62n))] }),
  gguf({ keys: [key('k', 9, array(99, 1))] }),
  gguf({ keys: [key('k', 13, u64(0))] }),
  gguf({ keys: [key('k', 9, array(9, 1, array(9, 1, array(9, 1, array(4, 0)))))], data: 64 }),
  gguf({ keys: [key('k', 9, array(0, 5 << 20, Buffer.alloc(5 << 20)))] }),
  gguf({ keys: [key('k', 7, u8(2))], data: 32 }),
  gguf({ keys: [architecture, architecture] }),
  gguf({ keys: [key('general.alignment', 4, u32(12))] }),
  ...[
    [[], 0, 0],
    [[0], 0, 0],
    [[2n ** 39n, 2n ** 39n], 0, 0],
    [[2n ** 39n, 2n ** 24n], 0, 0],
    [[8], 3, 0],
    [[33], 8, 0],
    [[8], 0, 33],
    [[8], 0, 64],
    [[8], 0, 0],
  ].map(([sides, type, offset]) => gguf({ tensors: [...two, tensor('c', sides, type, offset)], data: 64 })),
  gguf({ tensors: [tensor('a', [8], 0, 0), tensor('a', [8], 0, 32)], data: 64 }),
  gguf({ keys: [key('lumina-dimoo.generation.json', 8, str('{'))] }),
]
seeds('gguf_fuzz', goodGguf, badGguf)

// llama.cpp's text layout: one block of width 8, eight tokens.
function llada(changed = {}, names = {}) {
  const numbers = {
    'llada.embedding_length': 8,
    'llada.block_count': 1,
    'llada.feed_forward_length': 8,
    'llada.vocab_size': 8,
    'llada.attention.head_count': 2,
    'llada.rope.dimension_count': 4,
    'tokenizer.ggml.mask_token_id': 7,
    'tokenizer.ggml.eos_token_id': 6,
    ...changed,
  }
  const keys = Object.entries(numbers).map(([name, value]) => key(name, 4, u32(value)))
  const tokens = ['a', 'b', 'ab', '</answer>', 'c', 'd', 'e', 'f'].map(str)
  const strings = [
    key('general.architecture', 8, str('llada')),
    key('tokenizer.ggml.model', 8, str('gpt2')),
    key('tokenizer.ggml.tokens', 9, array(8, tokens.length, ...tokens)),
    key('tokenizer.ggml.merges', 9, array(8, 1, str('a b'))),
  ]
  const matrices = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((name) => `blk.0.${name}.weight`)
  const norms = ['output_norm.weight', 'blk.0.attn_norm.weight', 'blk.0.ffn_norm.weight']
  const shapes = [...['token_embd.weight', 'output.weight', ...matrices].map((name) => [name, [8, 8]]), ...norms.map((name) => [name, [8]])]
  const tensors = shapes.map(([name, sides], i) => tensor(names[name] ?? name, sides, 0, i * 256))
  return gguf({ keys: [...strings, ...keys], tensors, data: shapes.length * 256 })
}
const badLlada = [
  ...['embedding_length', 'block_count', 'feed_forward_length', 'vocab_size', 'attention.head_count', 'rope.dimension_count'].flatMap(
    (name) => [0, 3, 2 ** 32 - 1].map((value) => llada({ [`llada.${name}`]: value })),
  ),
  llada({ 'tokenizer.ggml.mask_token_id': 8 }),
  llada({}, { 'blk.0.attn_q.weight': 'blk.0.attn_qkv.weight' }),
]
seeds('llada_fuzz', [llada(), llada({ 'llada.context_length': 64 })], badLlada)

function safetensors(header, data = 0) {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  return Buffer.concat([u64(text.length), text, Buffer.alloc(data, 0x22)])
}
const entry = (dtype, shape, begin, end) => ({ dtype, shape, data_offsets: [begin, end] })
const goodTensors = [
  safetensors({}),
  safetensors({ __metadata__: { format: 'pt' }, a: entry('F32', [2], 0, 8), b: entry('BF16', [2, 3], 8, 20) }, 20),
  safetensors({ a: entry('F64', [1], 0, 8), b: entry('U8', [3], 8, 11), c: entry('I64', [0], 11, 11) }, 11),
]
const badTensors = [
  Buffer.from('1234567'),
  u64(2n ** 63n),
  safetensors('['),
  safetensors('[]'),
  safetensors({ a: 1 }),
  safetensors({ a: entry('F3', [1], 0, 4) }, 4),
  safetensors({ a: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }, 4),
  safetensors({ a: entry('F32', [1], 0, 5) }, 8),
  safetensors({ a: entry('F32', [1], 0, 4) }, 3),
  safetensors({ a: entry('F32', [2], 0, 8), b: entry('F32', [1], 4, 8) }, 8),
  safetensors({ a: entry('F32', [-1], 0, 4) }, 4),
  safetensors({ a: entry('F32', ['x'], 0, 4) }, 4),
]
seeds('safetensors_fuzz', goodTensors, badTensors)

const goodJson = [
  '{}',
  '[]',
  '[1,-2,3.5,1e3,true,false,null]',
  '{"a":{"b":["c"]}}',
  '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\\ud800"',
  '"é€😀"',
  '18446744073709551615',
  '1e400',
  '-0',
  JSON.stringify({ dtype: 'F32', shape: [2], data_offsets: [0, 8] }),
]
const badJson = [
  '',
  '{"a":1',
  '[1,]',
  '{a:1}',
  '{"a" 1}',
  '1 2',
  '01',
  '-',
  '1.',
  '1e',
  'tru',
  'fals',
  'nul',
  '"abc',
  '"\\x"',
  '"\\',
  '"\\u12g4"',
  '"\\u1',
  '"\\ud800\\u0041"',
  '{"a":1,"a":2}',
  '['.repeat(100),
  '"\u0001"',
  Buffer.from([0x22, 0xff, 0x22]),
  Buffer.from([0x22, 0xe0, 0x80, 0x80, 0x22]),
]
seeds('json_fuzz', goodJson, badJson)

// Pieces in the order of folder_fuzz.cc: config, index, one, model, vqvae/config, vqvae/weights, tokenizer, generation.
const folder = (...pieces) =>
  Buffer.concat(pieces.flatMap((piece, i) => (i ? [Buffer.from('\n--\n'), Buffer.from(piece)] : [Buffer.from(piece)])))
const wte = 'model.transformer.wte.weight'
const weights = (name, dtype = 'F32', bytes = 8) => safetensors({ [name]: entry(dtype, [2], 0, bytes) }, bytes)
const blocks = ['attn_norm', 'q_proj', 'k_proj', 'v_proj', 'attn_out', 'ff_norm', 'ff_proj', 'up_proj', 'ff_out'].map(
  (part) => `model.transformer.blocks.3.${part}.weight`,
)
const many = safetensors(Object.fromEntries(blocks.map((name, i) => [name, entry('F32', [1], i * 4, i * 4 + 4)])), 36)
const index = (map) => JSON.stringify({ weight_map: map })
seeds(
  'folder_fuzz',
  [
    goodGguf[1],
    goodGguf.at(-1),
    folder('{}', '', '', weights(wte)),
    folder('{}', '', '', many),
    folder('{}', '', '', weights('model.transformer.blocks.0.rotary_emb.inv_freq')),
    folder('{}', index({ [wte]: 'one.safetensors' }), weights(wte)),
    folder('{}', '', '', weights(wte), '{}', weights('decoder.conv_in.bias', 'F16', 4)),
    folder('{}', '', weights('a'), weights(wte, 'BF16', 4), '', '', '{"model":{}}', '{"lumina_dimoo":{"image":{"steps":8}}}'),
  ],
  [
    ...badGguf,
    Buffer.alloc(0),
    folder('', ''),
    folder('{', ''),
    folder('{}', ''),
    folder('{}', '', '', weights(wte, 'I32')),
    folder('{}', '', '', weights('other')),
    folder('{}', '', '', weights('model.transformer.blocks.x.q_proj.weight')),
    folder('{}', '', '', weights('model.transformer.blocks.0.q_norm.weight')),
    folder('{}', '', '', weights('model.transformer.none')),
    folder('{}', '', '', safetensors({ [wte]: entry('F32', [0], 0, 0) })),
    folder('{}', '{}'),
    folder('{}', index({ [wte]: '../one.safetensors' })),
    folder('{}', index({ [wte]: 'one.safetensors' }), weights('a')),
    folder('{}', '', '', weights(wte), '{}'),
  ],
)

const wave = Array.from({ length: 256 }, (_, i) => Math.sin(i * 12.9898) * (i % 17 === 0 ? 30 : 1))
const rows = [
  wave,
  wave.map(() => 0),
  wave.map(() => 0.75),
  wave.map((v) => Math.abs(v)),
  wave.map((v) => v * 1e-9),
  wave.map((v) => v * 1e4),
  wave.map((_, i) => (i === 7 ? 5 : 0)),
]
seeds(
  'quantize_fuzz',
  [0, 1, 2, 3, 4, 5, 6, 7].flatMap((type) => rows.map((row) => Buffer.concat([u8(type), f32(...row)]))),
  [],
)
