// Checkpoint files written by the addon, streaming: conversion to GGUF of any type, and random models for benches and tests.
// An output appears complete or not at all.
import path from 'node:path'
import { show } from '../base/show.js'
import { checkField, checkOptions } from '../fields/check.js'
import { choice } from '../fields/field.js'
import { runJob, type JobOptions } from '../native/job.js'
import { invalid } from '../base/errors.js'
import { findSource, type ModelSource } from './source.js'
import type { ConvertOptions, SynthOptions } from './types.js'
import { CONVERT_FIELDS, SYNTH_FIELDS } from './options.js'

/** What a conversion wrote. */
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
  checkOptions('convert', options, { fields: CONVERT_FIELDS })
  checkOutput('convert', output)
  const { type = 'bf16', vqType, threads } = options
  const found = await findSource(source, options)
  return runJob('convert', { source: found, output: path.resolve(output), type, vqType, threads }, control(options))
}

const SHAPES = ['tiny', '0.5b', '2b', '8b'] as const
const SHAPE = choice(SHAPES, { summary: 'How large.' })
/** Sizes of random models; 8b has the released one's dimensions. */
export type SynthShape = (typeof SHAPES)[number]

/** What was written. */
export interface SynthReport {
  readonly tensors: number
  readonly bytes: number
}

/** Writes a random model: the right shapes and sizes, no meaning. Rejects with `output/failed` or `signal.reason`. */
export async function synth(shape: SynthShape, output: string, options: SynthOptions = {}): Promise<SynthReport> {
  checkOptions('synth', options, { fields: SYNTH_FIELDS })
  checkField('synth', 'shape', shape, SHAPE)
  checkOutput('synth', output)
  const { type = 'bf16', seed = 0, layout } = options
  return runJob('synth', { shape, output: path.resolve(output), type, seed: toJson(seed), layout }, control(options))
}

/** Throws `request/invalid` for what is no path. */
export function checkOutput(where: string, output: unknown): void {
  if (typeof output !== 'string' || output === '') throw invalid(`${where}: output must be a path, got ${show(output)}`)
}

// JSON's numbers hold 53 bits.
function toJson(seed: number | bigint | string): number | string {
  return BigInt(seed) <= Number.MAX_SAFE_INTEGER ? Number(seed) : String(seed)
}

function control({ signal, onProgress }: ConvertOptions | SynthOptions): JobOptions {
  return { signal, onProgress }
}
