// Checkpoint files written by the addon, streaming: conversion to GGUF of any type, and random models for benches and tests.
// An output appears complete or not at all.
import path from 'node:path'
import type { WeightType } from '../native/info.js'
import { runJob, type JobOptions, type Progress } from '../native/job.js'
import { invalid } from '../base/errors.js'
import { findSource, type ModelSource } from './source.js'
import * as validate from '../fields/validate.js'

const TYPES: readonly WeightType[] = ['bf16', 'f16', 'f32', 'q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0']

export interface ConvertOptions {
  /** Type of the blocks' matrices; norms stay f32. Default 'bf16'. */
  readonly type?: WeightType
  /** Type of the image tokenizer's weights. Default 'f32'; with quantised types 'f16' for its decoder, 'f32' for its encoder and codebook. */
  readonly vqType?: 'f32' | 'f16'
  /** Default: as many as this process may use. */
  readonly threads?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export const CONVERT_FIELDS = {
  type: validate.oneOf(TYPES, { help: 'type of the matrices (default: bf16)' }),
  vqType: validate.oneOf(['f32', 'f16'], {
    help: 'type of the image tokenizer (default: f32; with quantised types f16 for its decoder)',
  }),
  threads: validate.integer(1, 1024, { help: 'CPU threads (default: all that this process may use)' }),
  signal: validate.signal(),
  onProgress: validate.callback(),
} satisfies validate.Fields

export interface ConvertReport {
  readonly tensors: number
  readonly bytes: number
  /** Tensors whose rows the block size does not divide, with the type they got instead. */
  readonly fallbacks: readonly { readonly name: string; readonly type: string }[]
  /** Tensors of the source that the model does not use; they are left out. */
  readonly ignored: readonly string[]
  readonly seconds: number
}

/** Writes a folder or GGUF file as one GGUF file. Rejects with `model/*`, `output/failed`, or `signal.reason`. */
export async function convert(source: ModelSource, output: string, options: ConvertOptions = {}): Promise<ConvertReport> {
  validate.checkOptions('convert', options, CONVERT_FIELDS)
  checkOutput('convert', output)
  const { type = 'bf16', vqType, threads } = options
  return runJob(
    'convert',
    { source: await findSource(source, options), output: path.resolve(output), type, vqType, threads },
    control(options),
  )
}

const SHAPES = ['tiny', '0.5b', '2b', '8b'] as const
export type SynthShape = (typeof SHAPES)[number]

export interface SynthOptions {
  /** Default 'bf16'. */
  readonly type?: WeightType
  /** Default 0. */
  readonly seed?: number | bigint
  /** 'llada': the transformer alone, as llama.cpp's text architecture. Default 'dimoo'. */
  readonly layout?: 'dimoo' | 'llada'
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export const SYNTH_FIELDS = {
  type: validate.oneOf(TYPES, { help: 'type of the matrices (default: bf16)' }),
  seed: validate.seed({ help: 'same seed, same file (default: 0)' }),
  layout: validate.oneOf(['dimoo', 'llada'], {
    help: "llada: the transformer alone, as llama.cpp's text architecture",
  }),
  signal: validate.signal(),
  onProgress: validate.callback(),
} satisfies validate.Fields

export interface SynthReport {
  readonly tensors: number
  readonly bytes: number
}

/** Writes a random model: the right shapes and sizes, no meaning. Rejects with `output/failed` or `signal.reason`. */
export async function synth(shape: SynthShape, output: string, options: SynthOptions = {}): Promise<SynthReport> {
  validate.checkOptions('synth', options, SYNTH_FIELDS)
  validate.checkOptions('synth', { shape, ...options }, { shape: validate.oneOf(SHAPES), ...SYNTH_FIELDS })
  checkOutput('synth', output)
  const { type = 'bf16', seed = 0, layout } = options
  return runJob('synth', { shape, output: path.resolve(output), type, seed: toJson(seed), layout }, control(options))
}

function checkOutput(where: string, output: unknown): void {
  if (typeof output !== 'string' || output === '') throw invalid(`${where}: output must be a path, got ${validate.show(output)}`)
}

// JSON's numbers hold 53 bits.
function toJson(seed: number | bigint): number | string {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : String(seed)
}

function control({ signal, onProgress }: ConvertOptions | SynthOptions): JobOptions {
  return { signal, onProgress }
}
