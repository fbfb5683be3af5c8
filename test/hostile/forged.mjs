// Every kind of forged snapshot, by name: from the snapshots that a model really wrote (`honest`: of inpaint, generate and chat) to hostile
// bytes. `bombs` take much memory to make: each gets a process of its own.
import { encodeCbor } from '../../dist/wire/cbor.js'
import { head, open, pack, packValues, State } from './forge.mjs'

const MB = 2 ** 20
const BOMB_BYTES = 512 * MB

/** One change of the inpainted picture's request, and of the header where both are to agree. */
function changed(change, sizes = {}) {
  return ({ inpaint }) => {
    const { header, body } = open(inpaint)
    change(body.request, body)
    return packValues({ ...header, ...sizes }, body)
  }
}
const native = (change, sizes) => changed((request) => change(request.native), sizes)
const text = (change) =>
  function ({ chat }) {
    const { header, body } = open(chat)
    change(body.request.native, body)
    return packValues(header, body)
  }
/** Bytes in place of the body; the header says how many there are, or hides it. */
const bytes = (make, { hidden = false } = {}) =>
  function ({ inpaint }) {
    const { header } = open(inpaint)
    const body = make()
    return pack(header, body, hidden ? { bodyBytes: header.bodyBytes } : {})
  }
const filled = (major, count, value) => Buffer.concat([head(major, count), Buffer.alloc(count, value)])
const state = (place, value) =>
  function ({ generate }) {
    const { header, body } = open(generate)
    return packValues(header, { ...body, state: new State(body.state).with(place, value) })
  }
const header = (change) =>
  function ({ inpaint }) {
    const { header, body } = open(inpaint)
    return packValues(change(header), body)
  }
const of = (sizes) => (found) => ({ ...found, ...sizes })

export const forged = {
  // The request's numbers.
  n2: changed((request) => void (request.n = 2)),
  'n2^31': changed((request) => void (request.n = 2 ** 31)),
  'n2^53': changed((request) => void (request.n = 2 ** 53 - 1)),
  n0: changed((request) => void (request.n = 0)),
  'steps-2^40': native((request) => void (request.steps = 2 ** 40)),
  'steps-2^40-agreed': native((request) => void (request.steps = 2 ** 40), { steps: 2 ** 40 }),
  'steps-negative': native((request) => void (request.steps = -1)),
  'steps-half': native((request) => void (request.steps = 1.5)),
  'schedule-5M': native((request) => Object.assign(request, { steps: 5e6, schedule: new Float32Array(5e6) })),
  'schedule-nan': native((request) => void (request.schedule = new Float32Array(request.steps).fill(NaN))),
  'schedule-short': native((request) => void (request.schedule = new Float32Array(1))),
  'seeds-5M': native((request) => void (request.seeds = new BigUint64Array(5e6))),
  'seeds-none': native((request) => void (request.seeds = new BigUint64Array(0))),
  'grid-8192': native((request) => Object.assign(request, { rows: 8192, columns: 8192, cells: new Int32Array(8192 * 8192).fill(-1) })),
  'grid-8192-agreed': native((request) => Object.assign(request, { rows: 8192, columns: 8192 }), {
    sizes: { images: 1, width: 8192, height: 8192 },
  }),
  'grid-65536-agreed': native((request) => Object.assign(request, { rows: 1, columns: 65_536, cells: new Int32Array(65_536).fill(-1) }), {
    sizes: { images: 1, width: 65_536, height: 1 },
  }),
  'images-64-agreed': native((request) => void (request.seeds = new BigUint64Array(64)), { sizes: { images: 64, width: 4, height: 4 } }),
  'cells-beyond-codes': native((request) => request.cells.fill(2 ** 31 - 1)),
  'cells-below': native((request) => request.cells.fill(-2)),
  'guidance-infinite': native((request) => void (request.guidance = request.guidance.map(() => Infinity))),
  'guidance-1000': native((request) => void (request.guidance = new Array(1000).fill(1))),
  'temperature-nan': native((request) => void (request.temperature = NaN)),
  'temperature-negative': native((request) => void (request.temperature = -1)),
  'cache-refresh-0': native((request) => void (request.cache = { ratio: 0.5, warmup: 0.5, refresh: 0 })),
  'start-pinned': native(
    (request) => void (request.start = { tokens: request.cells, step: 1, pinned: new Uint32Array(100_000).fill(2 ** 32 - 1) }),
  ),
  'start-step': native((request) => void (request.start = { tokens: request.cells, step: 2 ** 52, pinned: new Uint32Array(0) })),
  'prefix-none': native((request) => void (request.prefixes = [])),
  'prefix-4': native((request) => void (request.prefixes = [...request.prefixes, ...request.prefixes, ...request.prefixes])),
  'prefix-ids': native((request) => request.prefixes[0].fill(2 ** 31 - 1)),
  'prefix-negative': native((request) => request.prefixes[0].fill(-1)),
  'suffix-ids': native((request) => void (request.suffixes = request.suffixes.map(() => Int32Array.of(-5)))),
  'noise-given': native((request) => void (request.noise = [{}])),
  'unknown-entry': native((request) => void (request.probe = Int32Array.of(1))),
  // The picture that is put back, and what is told of pictures.
  'picture-10000': changed(
    ({ composite }) =>
      void (composite.original = { data: new Uint8Array(10_000 * 10_000 * 3), width: 10_000, height: 10_000, channels: 3 }),
  ),
  'picture-short': changed(({ composite }) => void (composite.original.data = new Uint8Array(3))),
  'picture-negative': changed(({ composite }) => Object.assign(composite.original, { width: -64, height: -64 })),
  'picture-channels': changed(({ composite }) => void (composite.original.channels = 4)),
  'feather-2^31': changed(({ composite }) => void (composite.feather = 2 ** 31)),
  'feather-4096': changed(({ composite }) => void (composite.feather = 4096)),
  'parameters-size': changed(({ parameters }) => Object.assign(parameters, { width: 2 ** 30, height: 2 ** 30 })),
  'parameters-more': changed(({ parameters }) => void (parameters.more = new Array(10_000).fill(1))),
  'parameters-options': changed(({ parameters }) => void (parameters.options = { a: { b: [] } })),
  'prompt-tokens': changed((request) => void (request.promptTokens = 2 ** 53 - 1)),
  'judged-text': changed((request) => void (request.judged = 'yes')),
  'task-of-text': ({ inpaint, chat }) => packValues({ ...open(inpaint).header, task: 'chat' }, open(chat).body),
  'body-of-text': ({ inpaint, chat }) => packValues(open(inpaint).header, open(chat).body),
  // An answer.
  'ends-200000': text((request) => void (request.ends = new Int32Array(200_000))),
  'length-2^31': text((request) => Object.assign(request, { length: 2 ** 31, block: 2 ** 31 })),
  'block-0': text((request) => void (request.block = 0)),
  'block-7': text((request) => void (request.block = 7)),
  'threshold-nan': text((request) => void (request.threshold = NaN)),
  'seeds-2-of-an-answer': text((request) => void (request.seeds = new BigUint64Array(2))),
  // The native state.
  'state-empty': changed((_, body) => void (body.state = new Uint8Array(0))),
  'state-one-byte': changed((_, body) => void (body.state = new Uint8Array(1))),
  'state-zeros': changed((_, body) => void (body.state = new Uint8Array(64 * 1024))),
  'state-cut': changed((_, body) => void (body.state = body.state.subarray(0, body.state.length - 4))),
  'state-longer': changed((_, body) => void (body.state = Buffer.concat([body.state, Buffer.alloc(8)]))),
  'state-of-another': ({ inpaint, generate }) =>
    packValues(open(inpaint).header, { ...open(inpaint).body, state: open(generate).body.state }),
  'state-layout': state(0, 2 ** 40),
  'state-remasks-2^62': state(1, 2n ** 62n),
  'state-remasks-negative': state(1, -1),
  'state-step-2^40': state(2, 2 ** 40),
  'state-step-negative': state(2, -1),
  'state-forced-7': state(3, 7),
  'state-start-2^62': state(4, 2n ** 62n),
  'state-length-0': state(5, 0),
  'state-masked-0': state(6, 0),
  'state-cells-2^31': state(8, 2 ** 31),
  'state-cells-2^62': state(8, 2n ** 62n),
  'state-cells-0': state(8, 0),
  // The header and the bytes.
  'header-deep': ({ inpaint }) => pack(open(inpaint).header, Buffer.alloc(1), { text: '['.repeat(16_000) }),
  'header-deep-entry': header((found) => ({ ...found, model: JSON.parse('['.repeat(4000) + ']'.repeat(4000)) })),
  'header-text': ({ inpaint }) => pack(open(inpaint).header, Buffer.alloc(1), { text: 'null' }),
  'header-length': ({ inpaint }) => pack(open(inpaint).header, Buffer.alloc(1), { length: 2 ** 32 - 1 }),
  'header-positions': header(of({ positions: 4 * MB })),
  'header-pixels': header(of({ pixels: 65_536 * 4096 })),
  'header-images': header(of({ sizes: { images: 64, width: 4, height: 4 } })),
  'header-cells': header(of({ sizes: { images: 64, width: 2 ** 20, height: 2 ** 20 } })),
  'header-step': header(of({ step: 4096, steps: 4096 })),
  'header-model': header(of({ model: { sha256: 'x'.repeat(64), name: '' } })),
  'no-body': bytes(() => Buffer.alloc(0)),
  'array-of-4-billion': bytes(() => head(4, 2 ** 32 - 1)),
  'text-of-4-billion': bytes(() => head(3, 2 ** 32 - 1)),
  'map-that-ends': bytes(() => head(5, 1000)),
  'not-definite': bytes(() => Buffer.from([0x9f, 0x01, 0xff])),
  'tag-on-tag': bytes(() => Buffer.alloc(200_000, 0xc1)),
  proto: bytes(() => Buffer.from(encodeCbor(JSON.parse('{"__proto__":{"request":{}},"state":1}')))),
  'typed-odd': bytes(() => Buffer.from([0xd8, 78, 0x43, 1, 2, 3])),
  'keys-1M': bytes(() => filled(5, 500_000, 0x60)),
}

export const bombs = {
  'array-bomb': bytes(() => filled(4, 64 * MB, 0x80)),
  'array-bomb-hidden': bytes(() => filled(4, BOMB_BYTES, 0x80), { hidden: true }),
  'array-bomb-512': bytes(() => filled(4, BOMB_BYTES, 0x80)),
  'string-bomb-512': bytes(() => filled(3, BOMB_BYTES, 0x61)),
  'bytes-bomb-hidden': bytes(() => filled(2, BOMB_BYTES, 0), { hidden: true }),
  'deep-5M': bytes(() => Buffer.alloc(5e6, 0x81)),
  'deep-5M-hidden': bytes(() => Buffer.alloc(5e6, 0x81), { hidden: true }),
  // As many bytes as a header can talk us into.
  'largest-header': ({ inpaint }) => {
    const { header } = open(inpaint)
    return pack({ ...header, positions: 4 * MB }, filled(4, 17 * MB, 0x80))
  },
  'tail-512': ({ inpaint }) => new Uint8Array(Buffer.concat([inpaint.subarray(0, -32), Buffer.alloc(BOMB_BYTES), inpaint.subarray(-32)])),
}
