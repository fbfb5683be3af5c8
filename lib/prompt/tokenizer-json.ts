// tokenizer.json as a file that somebody made: read, and found to have the shape that the tokenizer builds on. Whatever else it holds is
// `model/corrupt`, or `model/unsupported` where it is sound but none of ours, by the name of the part that is at fault.
import { DimooError } from '../base/errors.js'
import { show } from '../base/show.js'
import type { AddedToken } from './added-tokens.js'
import { MAX_ID, type BytePairModel } from './byte-pairs.js'
import { fromGgml } from './ggml-tokenizer.js'

/** A part with a kind: a normalizer or a pre-tokenizer. */
export interface Part {
  readonly type: string
  readonly [name: string]: unknown
}

export interface TokenizerParts {
  readonly added: readonly AddedToken[]
  /** In order; a Sequence is its parts. */
  readonly normalizers: readonly Part[]
  readonly preTokenizers: readonly Part[]
  readonly model: BytePairModel
}

type Json = Readonly<Record<string, unknown>>

/** Longer ones exist in no tokenizer, and would make an answer of any size out of a few ids. */
const MAX_TOKEN_LENGTH = 4096
const MAX_PARTS = 64

export function parseTokenizer(json: string): TokenizerParts {
  const config = object(parse(json), 'the file')
  const found = config['ggml'] === undefined ? config : object(fromGgml(object(config['ggml'], 'ggml')), 'ggml')
  const { model, decoder } = { model: object(found['model'], 'model'), decoder: found['decoder'] }
  const kinds = `model ${kindOf(model)} with decoder ${kindOf(decoder)}`
  if (kinds !== 'model BPE with decoder ByteLevel') {
    throw unsupported(`expected model BPE with decoder ByteLevel, got ${kinds}`)
  }
  return {
    added: list(found['added_tokens'] ?? [], 'added_tokens').map(addedToken),
    normalizers: partsOf(found['normalizer'], 'normalizer', 'normalizers'),
    preTokenizers: partsOf(found['pre_tokenizer'], 'pre_tokenizer', 'pretokenizers'),
    model: bytePairs(model),
  }
}

export function corrupt(message: string): DimooError {
  return new DimooError('model/corrupt', `tokenizer.json: ${message}`)
}

export function unsupported(message: string): DimooError {
  return new DimooError('model/unsupported', `tokenizer.json: ${message}`)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw corrupt(`not JSON (${(error as Error).message.slice(0, 120)})`)
  }
}

function kindOf(part: unknown): string {
  const type = isObject(part) ? part['type'] : undefined
  return typeof type === 'string' ? type.slice(0, 60) : 'none'
}

function addedToken(value: unknown, i: number): AddedToken {
  const where = `added_tokens[${i}]`
  const token = object(value, where)
  for (const flag of ['single_word', 'lstrip', 'rstrip', 'normalized', 'special']) {
    const set = token[flag] ?? false
    if (typeof set !== 'boolean') throw corrupt(`${where}.${flag} must be true or false, got ${show(set)}`)
  }
  checkToken(token['content'], `${where}.content`)
  checkId(token['id'], `${where}.id`)
  return token as unknown as AddedToken
}

function bytePairs(model: Json): BytePairModel {
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout', 'byte_fallback']) {
    // None of them, or as good as none.
    if (![undefined, null, false, '', 0].includes(model[name] as never))
      throw unsupported(`expected a model without ${name}, got ${show(model[name])}`)
  }
  const vocab = new Map<string, number>()
  for (const [token, id] of Object.entries(object(model['vocab'], 'model.vocab'))) {
    checkToken(token, 'a token of model.vocab')
    vocab.set(token, checkId(id, `model.vocab[${JSON.stringify(token.slice(0, 40))}]`))
  }
  const unknown = model['unk_token'] ?? undefined
  if (unknown !== undefined && typeof unknown !== 'string') throw corrupt(`model.unk_token must be a string, got ${show(unknown)}`)
  return {
    vocab,
    merges: list(model['merges'], 'model.merges').map(merge),
    ignoreMerges: Boolean(model['ignore_merges']),
    ...(unknown !== undefined && { unknown }),
    fuseUnknown: Boolean(model['fuse_unk']),
  }
}

// Two tokens, or both in one string with a space between.
function merge(value: unknown, i: number): readonly [string, string] {
  const pair: unknown = typeof value === 'string' ? value.split(' ') : value
  if (Array.isArray(pair) && pair.length === 2 && pair.every((token) => typeof token === 'string' && token !== '')) {
    return pair as [string, string]
  }
  throw corrupt(`model.merges[${i}] must be two tokens, got ${show(value)}`)
}

// Sequences hold sequences only where somebody means harm; ours are taken as they come, to a bound.
function partsOf(value: unknown, where: string, inside: string): Part[] {
  const open: unknown[] = [value ?? undefined]
  const parts: Part[] = []
  for (let i = 0; open.length > 0; i++) {
    const next = open.shift()
    if (next === undefined) continue
    if (i > MAX_PARTS) throw corrupt(`${where} must have at most ${MAX_PARTS} parts`)
    const part = object(next, where)
    const { type } = part
    if (typeof type !== 'string') throw corrupt(`${where}.type must be a string, got ${show(type)}`)
    if (type === 'Sequence') open.unshift(...list(part[inside], `${where}.${inside}`).slice(0, MAX_PARTS + 1))
    else parts.push(part as Part)
  }
  return parts
}

function checkToken(value: unknown, where: string): void {
  if (typeof value !== 'string') throw corrupt(`${where} must be a string, got ${show(value)}`)
  if (value.length > MAX_TOKEN_LENGTH) throw corrupt(`${where} must be at most ${MAX_TOKEN_LENGTH} characters, got ${value.length}`)
}

function checkId(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_ID) return value
  throw corrupt(`${where} must be an id from 0 to ${MAX_ID}, got ${show(value)}`)
}

function object(value: unknown, where: string): Json {
  if (isObject(value)) return value
  throw corrupt(`${where} must be an object, got ${show(value)}`)
}

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw corrupt(`${where} must be an array, got ${show(value)}`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
