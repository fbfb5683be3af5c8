// What was done in this browser, in IndexedDB: what was asked (pictures included) and what came out. Nothing of it leaves the browser.
import { signal } from '@preact/signals'
import type { TaskName } from 'lumina-dimoo/client'
import { fileOf, withFile, type Given } from '../pictures/picture.js'
import type { Asked, LiveRun } from '../runs/live-run.js'

export interface Kept extends Asked {
  readonly state?: 'done' | 'failed' | 'aborted'
  readonly problem?: string
  readonly endedAt?: number
  readonly totalMs?: number
  /** PNG files, with their parameters inside. */
  readonly files?: readonly Blob[]
  readonly seeds?: readonly string[]
  /** Codes of the first picture and its grid's pixels: what a retouch begins with. */
  readonly parameters?: unknown
  readonly text?: string
}

/** Goes up with every change, so that whoever shows the history reads it again. */
export const historyChanged = signal(0)
/** Why something is not kept, in words; empty where all is well. */
export const historyTrouble = signal('')

// The same history in other tabs.
const others = new BroadcastChannel('dimoo-history')
others.onmessage = () => historyChanged.value++

const DATABASE = 'dimoo-studio'
const STORE = 'runs'
let opened: Promise<IDBDatabase> | undefined

function open(): Promise<IDBDatabase> {
  return (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: 'id' }).createIndex('created', 'created')
    }
    request.onsuccess = () => {
      // Taken away by the browser or its owner: opened anew by whoever asks next.
      request.result.onclose = () => (opened = undefined)
      resolve(request.result)
    }
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'))
  }))
}

async function work(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => unknown): Promise<unknown> {
  const transaction = (await open()).transaction(STORE, mode)
  const request = ask(transaction.objectStore(STORE)) as IDBRequest
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result)
    transaction.onerror = () => reject(transaction.error ?? new Error('IndexedDB'))
    transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB'))
  })
}

/** A private window may have no database, a full disk no room: the page works without its history then, and says so there. */
async function attempt(change: (store: IDBObjectStore) => unknown): Promise<void> {
  try {
    await work('readwrite', change)
    historyTrouble.value = ''
    historyChanged.value++
    others.postMessage('changed')
  } catch (error) {
    blame(error)
  }
}

function blame(error: unknown): void {
  historyTrouble.value = isFull(error)
    ? 'This browser has no room for more: what was done last is not kept. Delete something here, and it goes on.'
    : 'This browser keeps no history for this page, as private windows do. Download what is to stay.'
}

const isFull = (error: unknown): boolean => error instanceof DOMException && error.name === 'QuotaExceededError'

export async function keepStart(asked: Asked): Promise<void> {
  await attempt((store) => store.put({ ...asked, request: storable(asked.request) }))
}

export async function keepEnd(run: LiveRun): Promise<void> {
  const known = await keptRequest(run.id)
  if (!known) return // deleted meanwhile, here or in another tab; or never of this browser
  const pictures = run.pictures.value
  const kept: Kept = {
    ...known,
    request: storable(known.request),
    state: run.state.value as 'done',
    endedAt: Date.now(),
    ...(run.problem.value !== '' && { problem: run.problem.value }),
    ...(run.progress.value && { totalMs: run.progress.value.elapsedMs }),
    ...(pictures.length > 0 && {
      files: pictures.map(({ file }) => file),
      seeds: pictures.map(({ image }) => image.seed),
      parameters: pictures[0]!.image.parameters,
    }),
    ...(run.answer.value && { text: run.answer.value.text }),
  }
  await attempt((store) => store.put(kept))
}

export async function keptRequest(id: string): Promise<Kept | undefined> {
  try {
    const found = (await work('readonly', (store) => store.get(id))) as Kept | undefined
    return found && revived(found)
  } catch {
    return undefined
  }
}

/** The newest first. */
export async function allKept(): Promise<Kept[]> {
  try {
    const all = (await work('readonly', (store) => store.getAll())) as Kept[]
    return all.map(revived).sort((a, b) => b.created - a.created)
  } catch (error) {
    blame(error)
    return []
  }
}

export const deleteKept = (id: string): Promise<void> => attempt((store) => store.delete(id))
export const deleteAll = (): Promise<void> => attempt((store) => store.clear())

/** Pictures of results carry methods, which IndexedDB does not take; their files lie beside them. */
function storable(request: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(request).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Blob || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(plain)
  const { image, tokens, parameters } = value as Record<string, unknown>
  return image && tokens ? { image, tokens, parameters, file: fileOf(value as Given) } : { ...value }
}

function revived(kept: Kept): Kept {
  const revive = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || !('tokens' in value && 'file' in value)) return value
    const { file, ...made } = value as { readonly file: unknown }
    return file instanceof Blob ? withFile(made as Exclude<Given, Blob>, file) : made
  }
  return { ...kept, request: Object.fromEntries(Object.entries(kept.request).map(([name, value]) => [name, revive(value)])) }
}

export type { TaskName }
