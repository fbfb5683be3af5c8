// What can be said about loading, planning, converting and the like, as data: checks, types and flags come from here.
import { boolean, choice, group, integer, local, number, seed, text, type Field, type Fields } from '../fields/field.js'
import type { WeightType } from '../native/info.js'
import { LONGEST_TIMER_MS } from '../requests/run-options.js'

export const WEIGHT_TYPES: readonly WeightType[] = ['bf16', 'f16', 'f32', 'q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0']

export const THREADS = integer(1, 1024, {
  summary: 'CPU threads; never changes a result.',
  default: { words: 'as many as this process may use' },
  flag: { help: 'CPU threads (default: all that this process may use)' },
})

export const DEVICE = text({
  summary: "What computes: 'auto' is the CPU, until the CUDA device has been verified on a GPU; 'cuda' and 'cuda:N' ask for one by name.",
  pattern: '(auto|cpu|cuda|cuda:\\d+)',
  rule: 'auto, cpu, cuda or cuda:N',
  type: 'Device',
  default: { value: 'auto' },
  flag: { value: 'auto|cpu|cuda|cuda:N', help: 'what computes (default: the CPU; a GPU only by its name)' },
})

export const WEIGHTS = choice(WEIGHT_TYPES, {
  summary: 'Type of the matrices: where the checkpoint has another, it is converted once into a file of the cache (DIMOO_CACHE).',
  default: { words: "the checkpoint's" },
  flag: { also: ['type'], help: "type of the matrices, converted once where the checkpoint has another (default: the checkpoint's)" },
})

export const PRECISION = choice(['fast', 'f32'], {
  summary: "'fast': bf16 or int8 activations, by weight type; 'f32': the reference arithmetic.",
  default: { value: 'fast' },
  flag: { help: 'fast: bf16 or int8 activations; f32: the reference arithmetic' },
})

export const MEMORY = group(
  {
    maxHostBytes: integer(0, undefined, {
      summary: 'Most bytes of main memory.',
      unit: 'bytes',
      default: { words: 'what this process may use' },
      flag: { value: 'bytes', form: 'bytes', help: 'most bytes of main memory, e.g. 4GB' },
    }),
    panelBytes: integer(0, undefined, {
      summary: 'Most bytes of repacked copies of weights (CPU).',
      unit: 'bytes',
      default: { words: "what is free after the plan, at most the weights' size" },
      flag: { value: 'bytes', form: 'bytes', help: 'most bytes of repacked weights (CPU), e.g. 4GB' },
    }),
  },
  { type: 'MemoryOptions', summary: 'Budgets.' },
)

const SCHEDULER = group(
  {
    maxRowsPerPass: integer(1, undefined, {
      summary: 'Rows of one pass; a larger run goes alone.',
      default: { words: "about where this device's throughput saturates" },
    }),
    maxActive: integer(1, undefined, { summary: 'Runs that hold memory at once.', default: { words: 'as many as fit' } }),
    maxQueue: integer(0, undefined, {
      summary: 'Runs that wait beyond them, being prepared or ready (then `queue/full`; 0: never queue).',
      default: { words: '1024' },
    }),
    maxQueueMs: number(0, LONGEST_TIMER_MS, {
      summary: 'Longest a run may wait for its first pass (then `queue/timeout`).',
      unit: 'milliseconds',
      default: { words: 'no limit' },
    }),
    policy: choice(['fifo', 'fair', 'shortest-remaining'], {
      summary: "Who goes first within a priority: 'fair' shares rows between tags, 'fifo' in order, 'shortest-remaining' first.",
      default: { value: 'fair' },
    }),
    batchWindowMs: integer(0, 1000, {
      summary: 'Longest a ready run is held back to fill a pass.',
      unit: 'milliseconds',
      default: { value: 0 },
    }),
  },
  { type: 'SchedulerOptions', summary: 'How runs share the device.', flag: { form: 'none' } },
)

const COMPAT = choice(['none', 'reference'], {
  summary:
    "'reference' turns on the original's quirks: doubled row ends in `ask`, the generic prompt of `predict`, crops at a random offset, and an early stop of answers that looks at the prompt too and loses a token.",
  default: { value: 'none' },
  flag: { help: "reference: the original's quirks too" },
})

export const LOAD_FIELDS: Fields = {
  device: DEVICE,
  onDeviceUnavailable: choice(['error', 'warn', 'ignore'], {
    summary: 'When the device asked for is not usable: an error, or the CPU with or without a warning.',
    default: { words: "'warn' for 'auto', 'error' for a named device" },
    flag: { help: 'when that device cannot be used' },
  }),
  weights: WEIGHTS,
  precision: PRECISION,
  compat: COMPAT,
  memory: MEMORY,
  threads: THREADS,
  scheduler: SCHEDULER,
  verify: choice(['sizes', 'full'], {
    summary: "'sizes' reads headers only; 'full' reads every weight once and refuses non-finite ones.",
    default: { value: 'sizes' },
    flag: { help: 'full: read every weight once before the first run' },
  }),
  signal: local('signal', 'Aborts the loading, which then rejects with `signal.reason`.'),
  onProgress: local(
    'function',
    "Phases: 'download' (`hf:...`), 'preview' and 'convert' (`weights`), 'open', 'upload' (to a device with memory of its own), 'verify' (`verify: 'full'`), 'read' once all is done.",
    '(progress: Progress) => void',
  ),
  logger: local('logger', 'Where loading and warnings are told.'),
}

export const PLAN_FIELDS: Fields = {
  device: DEVICE,
  precision: PRECISION,
  compat: COMPAT,
  memory: MEMORY,
  threads: THREADS,
  scheduler: SCHEDULER,
  signal: local('signal', 'Aborts the reading.'),
}

const weightType = (summary: string): Field =>
  choice(WEIGHT_TYPES, { summary, default: { value: 'bf16' }, flag: { help: 'type of the matrices (default: bf16)' } })

export const CONVERT_FIELDS: Fields = {
  type: weightType("Type of the blocks' matrices; norms stay f32."),
  vqType: choice(['f32', 'f16'], {
    summary: "Type of the image tokenizer's weights.",
    default: { words: "'f32'; with quantised types 'f16' for its decoder, 'f32' for its encoder and codebook" },
    flag: { help: 'type of the image tokenizer (default: f32; with quantised types f16 for its decoder)' },
  }),
  threads: THREADS,
  signal: local('signal', 'Aborts the work; nothing half-written stays.'),
  onProgress: local('function', 'Told how far it is.', '(progress: Progress) => void'),
}

export const EXPORT_FIELDS: Fields = {
  type: choice(['bf16', 'f16', 'f32'], {
    summary: "Type of the transformer's tensors.",
    default: { words: "the file's own, f32 where it is quantised: every value is kept" },
    flag: { help: "type of the transformer (default: the file's own, f32 where it is quantised)" },
  }),
  signal: local('signal', 'Aborts the work; nothing half-written stays.'),
  onProgress: local('function', 'Told how far it is.', '(progress: Progress) => void'),
}

export const SYNTH_FIELDS: Fields = {
  type: weightType('Type of the matrices.'),
  seed: seed({ summary: 'Same seed, same file.', default: { value: 0 }, flag: { help: 'same seed, same file (default: 0)' } }),
  layout: choice(['dimoo', 'llada'], {
    summary: "'llada': the transformer alone, as llama.cpp's text architecture.",
    default: { value: 'dimoo' },
    flag: { help: "llada: the transformer alone, as llama.cpp's text architecture" },
  }),
  signal: local('signal', 'Aborts the work; nothing half-written stays.'),
  onProgress: local('function', 'Told how far it is.', '(progress: Progress) => void'),
}

export const INSPECT_FIELDS: Fields = {
  verify: boolean({ summary: 'Read every weight once.', default: { value: false } }),
  signal: local('signal', 'Aborts the reading.'),
}

export const VERIFY_FIELDS: Fields = {
  hashes: boolean({
    summary: 'Compare every file with what the hub said of it, where that is known.',
    default: { value: true },
    flag: { form: 'none' },
  }),
  weights: boolean({ summary: 'Read every weight once.', default: { value: true }, flag: { form: 'none' } }),
  speed: boolean({
    summary: 'Measure for five seconds how fast this machine multiplies.',
    default: { value: true },
    flag: { form: 'none' },
  }),
  signal: local('signal', 'Aborts the reading.'),
  onProgress: local('function', "Phases: 'download' (`hf:...`), 'hash', 'verify'.", '(progress: Progress) => void'),
}

export const CLOSE_FIELDS: Fields = {
  timeoutMs: number(0, LONGEST_TIMER_MS, {
    summary: 'How long running ones may go on before they are aborted.',
    unit: 'milliseconds',
    default: { value: 0 },
  }),
  reason: local('any', 'What aborted runs reject with.'),
}

/** For the generator of lib/model/types.ts. */
export const OPTIONS = [
  { type: 'LoadOptions', summary: 'What can be said about loading a model.', fields: LOAD_FIELDS },
  { type: 'PlanOptions', summary: 'What a plan of memory is made for.', fields: PLAN_FIELDS },
  { type: 'ConvertOptions', summary: 'What can be said about a conversion.', fields: CONVERT_FIELDS },
  { type: 'ExportOptions', summary: 'What can be said about an export.', fields: EXPORT_FIELDS },
  { type: 'VerifyOptions', summary: 'How far a look at a checkpoint goes.', fields: VERIFY_FIELDS },
  { type: 'SynthOptions', summary: 'What can be said about a random model.', fields: SYNTH_FIELDS },
  { type: 'InspectOptions', summary: 'What can be said about an inspection.', fields: INSPECT_FIELDS },
] as const
