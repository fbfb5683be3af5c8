'use strict'
// The original's recorded decodings through an addon of any platform, without anything but Node: for machines that are emulated or that
// have no development tools. Prints "ok <trace>" for each, step for step and token for token; exit code 1 where one differs.
//   node traces.cjs <dimoo.node> <test/golden> [name or beginning of one ...]
const fs = require('node:fs')
const path = require('node:path')

const [addonPath, golden, ...wanted] = process.argv.slice(2)
const addon = require(path.resolve(addonPath))
const PICTURES = /^(t2i_|mlcache$|i2i_(?!tokens)|paint_(?!tokens))/
const ANSWERS = /^mmu_(?!tokens)/
// One out of 23 needs another checkpoint.
const OTHER_CHECKPOINT = ['t2i_cfg4_mlcache_b']

main().catch((error) => {
  console.error(error)
  process.exit(1)
})

async function main() {
  const model = await load(path.join(golden, 'checkpoint'))
  const info = JSON.parse(model.info())
  const names = fs
    .readdirSync(golden)
    .filter((file) => file.endsWith('.json'))
    .map((file) => path.basename(file, '.json'))
    .filter((name) => (PICTURES.test(name) || ANSWERS.test(name)) && !OTHER_CHECKPOINT.includes(name))
    .filter((name) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)))
  if (names.length === 0) throw new Error(`expected the name of a trace, got ${wanted.join(' ')}`)
  console.log(`${process.platform}-${process.arch}, Node ${process.versions.node}, ${names.length} traces`)
  for (const name of names) {
    const started = Date.now()
    const trace = JSON.parse(fs.readFileSync(path.join(golden, `${name}.json`), 'utf8'))
    if (PICTURES.test(name)) await followPicture(model, info, name, trace)
    else await followAnswer(model, info, name, trace)
    console.log(`ok ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
  }
  await model.close().promise
}

function load(source) {
  return addon.load(JSON.stringify({ source, device: 'cpu', precision: 'f32', threads: 2, verify: 'sizes' })).promise
}

async function followPicture(model, info, name, trace) {
  const { params, prompt_ids: ids } = trace
  const columns = params.newline_every
  const rows = params.seq_len / columns
  const [text, image] = [params.cfg_scale, params.cfg_img ?? 0]
  const begin = [info.tokens.answer_begin, info.tokens.image_begin]
  const branches = trace.con_input
    ? [trace.con_input, ...(text > 0 || image > 0 ? [trace.uncon_text, trace.uncon_image] : [])]
    : [trace.con_prompt_ids, ...(text > 0 ? [trace.uncon_ids] : [])]
  const prefixes = branches.map((branch) => Int32Array.from([...branch, ...begin]))
  const cellsOf = (sequence) =>
    Int32Array.from({ length: rows * columns }, (_, cell) => {
      const id = sequence[prefixes[0].length + Math.floor(cell / columns) * (columns + 1) + (cell % columns)]
      return id === info.tokens.mask ? -1 : id - info.code_offset
    })
  const cache = params.use_cache && { ratio: params.cache_ratio, warmup: params.warmup_ratio, refresh: params.refresh_interval }
  const { outcome, steps } = await decode(model, {
    ...common(prefixes, params.timesteps, params.temperature),
    kind: 'image',
    guidance: [text, image].slice(0, prefixes.length - 1),
    suffixes: prefixes.map(() => Int32Array.of(info.tokens.image_end, info.tokens.answer_end)),
    rows,
    columns,
    cells: cellsOf(ids),
    schedule: 'cosine',
    ...(cache && { cache }),
    ...(params.temperature > 0 && { noise: pictureNoise(name) }),
  })
  same(name, 'steps', steps.length, trace.steps.length)
  trace.steps.forEach((expected, i) => same(name, `step ${i}`, steps[i].tokens, cellsOf(expected.x_after)))
  same(name, 'codes', outcome.images[0].tokens, trace.codes)
}

async function followAnswer(model, info, name, trace) {
  const { params, prompt_ids: ids, code_start: start } = trace
  const guided = params.cfg_scale > 0
  const masked = (part) => part.map(() => info.tokens.mask)
  const split = (from, to) => [ids.slice(from, to), ...(guided ? [masked(ids.slice(from, to))] : [])].map((part) => Int32Array.from(part))
  const prefixes = split(0, start)
  const { outcome, steps } = await decode(model, {
    ...common(prefixes, params.steps, params.temperature),
    kind: 'text',
    guidance: guided ? [params.cfg_scale] : [],
    suffixes: split(start + params.gen_length, ids.length),
    length: params.gen_length,
    block: params.block_length,
    remasking: 'confidence',
    reuse: 'none',
    ends: Int32Array.of(info.tokens.end_of_text),
    compat: 'reference',
    ...(params.temperature > 0 && { noise: textNoise(name) }),
  })
  same(name, 'steps', steps.length, trace.steps.length)
  trace.steps.forEach((expected, i) => {
    const after = expected.x_after.slice(start, start + params.gen_length)
    same(
      name,
      `step ${i}`,
      steps[i].tokens,
      after.map((id) => (id === info.tokens.mask ? -1 : id)),
    )
  })
  if (outcome.state !== 'done') throw new Error(`${name}: ${JSON.stringify(outcome.error)}`)
}

function common(prefixes, steps, temperature) {
  return { prefixes, seeds: BigUint64Array.of(0n), steps, temperature, priority: 0, tag: '', delivery: 'all', buffer: 4096 }
}

function decode(model, request) {
  return new Promise((resolve, reject) => {
    const steps = []
    const look = () => {
      for (let step = run.next(); step; step = run.next()) steps.push(step)
      const outcome = run.outcome()
      if (outcome?.state === 'failed') reject(new Error(JSON.stringify(outcome.error)))
      else if (outcome) resolve({ outcome, steps })
    }
    const run = model.run(request, () => look())
    look()
  })
}

function same(name, what, actual, expected) {
  const [a, b] = [actual, expected].map((value) => (typeof value === 'number' ? value : [...value].join(' ')))
  if (a !== b) throw new Error(`${name}: ${what}: expected ${b}, got ${a}`)
}

/** Recorded uniforms: tensors of a safetensors file by name. */
function tensors(name, Type) {
  const bytes = fs.readFileSync(path.join(golden, `${name}.safetensors`))
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  const at = bytes.byteOffset + 8 + length
  const read = ({ data_offsets: [begin, end] }) => new Type(bytes.buffer.slice(at + begin, at + end))
  return { names: Object.keys(header).sort(), read: (key) => read(header[key]) }
}

function pictureNoise(name) {
  const { names, read } = tensors(name, Float32Array)
  const keys = names.filter((key) => key.endsWith('.sample_uniform'))
  return keys.map((key) => ({ sample: read(key), cut: read(key.replace('sample', 'topk')) }))
}

function textNoise(name) {
  const { names, read } = tensors(name, Float64Array)
  return names.filter((key) => /^step\d+\.uniform$/.test(key)).map((key) => ({ sample: read(key) }))
}
