// What of a run stands in its job: the request as it travels, with every picture replaced by its digest, and how it ended.
import { createHash } from 'node:crypto'
import { DimooError, errorFromData, errorToData, invalid, isCode, type ErrorData } from '../base/errors.js'
import { isObject, isUint8Array } from '../base/realm.js'
import { endOf } from '../remote/frames.js'
import type { FarEnd } from '../remote/far.js'
import type { Work } from '../runner/work.js'
import type { TaskName } from '../requests/names.js'
import type { ResumeOptions } from '../requests/types/index.js'
import { decodeCbor, encodeCbor, type Limits } from '../wire/cbor.js'
import { fetchKept, keep, type BlobStore } from './store.js'

export interface JobData {
  readonly version: 1
  /** The run's name, and its tenant. */
  readonly id: string
  readonly task: TaskName
  /** A message of that kind (docs/wire.md) in CBOR and base64, its seed fixed; absent for a run that was resumed. */
  readonly request?: string
  /** Where the snapshot lies with which it begins. */
  readonly snapshot?: string
  readonly options: ResumeOptions
  /** When it is too late, in milliseconds since 1970. */
  readonly until?: number
  readonly work: Work
  /** Digests of what was given: pictures, and the snapshot. */
  readonly inputs: readonly string[]
  /** Of what was asked, before a seed was drawn: the same name may be used for the same request only. */
  readonly digest: string
}

/** What a job returns: a message in base64, or where it lies in the store. */
export type Returned = { readonly message: string } | { readonly blob: string }

/** What is larger lies in the store. */
const MOST_INLINE = 8 * 1024
const OWN: Limits = { maxBytes: 2 ** 31, maxDepth: 24, maxItems: 1 << 20 }
const BLOB = '$blob'

/** A message without its bytes, which are put into the store. */
export async function packed(
  store: BlobStore,
  message: Uint8Array,
): Promise<{ readonly message: Uint8Array; readonly blobs: readonly string[] }> {
  const blobs: string[] = []
  const out = async (value: unknown): Promise<unknown> => {
    if (isUint8Array(value)) {
      const key = await keep(store, value)
      blobs.push(key)
      return { [BLOB]: key }
    }
    return mapped(value, out)
  }
  return { message: encodeCbor(await out(decodeCbor(message, OWN))), blobs }
}

/** The message again. */
export async function unpacked(store: BlobStore, message: Uint8Array): Promise<Uint8Array> {
  const back = async (value: unknown): Promise<unknown> => {
    if (isObject(value) && typeof value[BLOB] === 'string') return new Uint8Array(await fetchKept(store, value[BLOB]))
    return mapped(value, back)
  }
  return encodeCbor(await back(decodeCbor(message, OWN)))
}

async function mapped(value: unknown, each: (one: unknown) => Promise<unknown>): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(each))
  if (!isObject(value) || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(await Promise.all(Object.entries(value).map(async ([name, one]) => [name, await each(one)] as const)))
}

/** A result's message as a job returns it. */
export async function returned(store: BlobStore, message: Uint8Array): Promise<Returned> {
  if (message.length <= MOST_INLINE) return { message: Buffer.from(message).toString('base64') }
  return { blob: await keep(store, message) }
}

/** How a job ended, from what BullMQ keeps of it. */
export async function endFrom(store: BlobStore, { value, reason }: { value?: string; reason?: string }): Promise<FarEnd> {
  if (value === undefined) return { error: reasonFrom(reason ?? '') }
  const found = JSON.parse(value) as Returned
  return endOf('blob' in found ? await fetchKept(store, found.blob) : Buffer.from(found.message, 'base64'))
}

/** An error as the reason of a failure: BullMQ keeps a text. */
export function reasonOf(error: unknown): string {
  return JSON.stringify(errorToData(error))
}

function reasonFrom(text: string): ErrorData {
  try {
    const found: unknown = JSON.parse(text)
    if (isObject(found) && typeof found['message'] === 'string' && (isCode(found['code']) || found['code'] === 'aborted')) {
      return found as unknown as ErrorData
    }
  } catch {
    // BullMQ's own words
  }
  if (text.startsWith('job stalled')) {
    return { code: 'device/lost', message: 'queue: expected a worker to come a step further, got the end of five in a row' }
  }
  return { code: 'internal', message: text || 'queue: a job failed without a reason' }
}

export const isRetryable = (error: unknown): boolean => DimooError.is(error, 'device/lost') || DimooError.is(error, 'output/failed')

export const errorOf = (data: ErrorData): Error => errorFromData(data)

/** Of a request and its options: what two runs of one name must share. */
export function digestOfAsked(message: Uint8Array): string {
  return createHash('sha256').update(message).digest('hex')
}

/** Throws `request/invalid` for a job that this version does not know. */
export function checkJob(data: unknown): JobData {
  if (isObject(data) && data['version'] === 1) return data as unknown as JobData
  throw invalid(`queue: expected a job of version 1, got ${isObject(data) ? String(data['version']) : typeof data}`)
}
