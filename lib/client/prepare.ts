// A request on its way to a server: copied at once, then pictures become bytes, a schedule that is a function its numbers, a seed that was
// left out is drawn here, so that a run which has to begin again elsewhere draws the same. Knows which fields hold pictures, and nothing
// else of the tasks: the server checks the rest. Needs nothing of Node; where Node is, paths are read.
import { DimooError, invalid } from '../base/errors.js'
import { isArrayBuffer, isBlob, isByteStream, isObject, isTypedArray, isUint8Array, isUrl } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import { isCells, isMade, isRawImage, isRects, type ScheduleFunction } from '../fields/values.js'
import type { ModelInfo, PresetName, TaskPresets } from '../native/info.js'
import { capturePicture } from '../requests/capture.js'
import { EDIT_DEFAULTS, IMAGE_DEFAULTS } from '../requests/defaults.js'
import type { TaskName } from '../requests/names.js'
import { resolveSchedule } from '../requests/schedule.js'

/** Fields of requests that are pictures or parts of them, or hold some. A test compares them with the tasks' descriptors. */
export const PICTURE_FIELDS: readonly string[] = 'image images mask from region style pinned'.split(' ')
const HOLDERS: readonly string[] = ['start', 'messages']
/** Of which the size and the number of steps are those of `image` in the checkpoint's defaults; the others' are those of `edit`. */
const TEXT_GUIDED: readonly TaskName[] = ['generate', 'inpaint', 'outpaint', 'retouch']
const MAX_FILE_BYTES = 512 * 1024 * 1024

type Values = Readonly<Record<string, unknown>>

/** A copy whose buffers nobody else holds. Getters are asked once. Throws `request/invalid` for what is no request. */
export function captureRequest(where: string, request: unknown): Values {
  if (!isObject(request)) throw invalid(`${where}: expected an object of options, got ${show(request)}`)
  return mapPictures(request, (value, name) =>
    name === 'images' && Array.isArray(value) ? value.map(capturePicture) : capturePicture(value),
  )
}

/** The request as plain data. `info` is asked only for a schedule that is a function. */
export async function prepareRequest(
  task: TaskName,
  request: Values,
  info: () => Promise<ModelInfo>,
  signal: AbortSignal,
): Promise<Values> {
  const { seed, schedule, ...rest } = request
  const pictures: Promise<void>[] = []
  const own = mapPictures(rest, (value, name, put) => {
    pictures.push(plain(value, name, signal).then(put))
    return value
  })
  await Promise.all(pictures)
  return {
    ...own,
    seed: seed === undefined ? randomSeed() : typeof seed === 'bigint' ? String(seed) : seed,
    ...(schedule !== undefined && { schedule: await sharesOf(task, schedule, request, info) }),
  }
}

function randomSeed(): string {
  return String(globalThis.crypto.getRandomValues(new BigUint64Array(1))[0]!)
}

async function sharesOf(task: TaskName, schedule: unknown, { steps, preset }: Values, info: () => Promise<ModelInfo>): Promise<unknown> {
  if (isTypedArray(schedule)) return Array.from(schedule as ArrayLike<number>)
  if (typeof schedule !== 'function') return schedule
  const { defaults, presets } = await info()
  const chosen = (presets[task] as Partial<TaskPresets>)[preset as PresetName]?.steps
  const known = TEXT_GUIDED.includes(task) ? { ...IMAGE_DEFAULTS, ...defaults.image } : { ...EDIT_DEFAULTS, ...defaults.edit }
  const count = typeof steps === 'number' ? steps : (chosen ?? known.steps)
  return Array.from(resolveSchedule(task, schedule as ScheduleFunction, count) as Float32Array)
}

type Put = (value: unknown) => void

// Copies the way to every picture; `change` may put its value later.
function mapPictures(values: Values, change: (value: unknown, name: string, put: Put) => unknown): Values {
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(values)) {
    if (PICTURE_FIELDS.includes(name)) own[name] = change(value, name, (ready) => (own[name] = ready))
    else if (HOLDERS.includes(name) && Array.isArray(value))
      own[name] = value.map((one: unknown) => (isObject(one) ? mapPictures(one, change) : one))
    else if (HOLDERS.includes(name) && isObject(value)) own[name] = mapPictures(value, change)
    else own[name] = isTypedArray(value) ? value.slice() : value
  }
  return own
}

/** A picture or a region as data; several where a list of pictures may stand. */
export async function plain(value: unknown, name: string, signal: AbortSignal): Promise<unknown> {
  if (isRects(value) || isCells(value)) return isTypedArray(value) ? Uint32Array.from(value) : value
  if (Array.isArray(value)) return Promise.all(value.map((one, i) => plain(one, `${name}[${i}]`, signal)))
  if (isMade(value)) return { image: pixels(value.image), tokens: value.tokens, parameters: value.parameters }
  if (isRawImage(value)) return pixels(value)
  if (isUint8Array(value)) return value
  if (isTypedArray(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (isArrayBuffer(value)) return new Uint8Array(value)
  if (isBlob(value)) return new Uint8Array(await value.arrayBuffer())
  if (typeof value === 'string' || isUrl(value)) return placed(value, name, signal)
  return isByteStream(value) ? collected(value, signal) : value
}

// What a canvas calls ImageData has no `channels`: it is RGBA.
function pixels({ data, width, height, channels = 4 }: { data: unknown; width: number; height: number; channels?: number }): object {
  const bytes = isTypedArray(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data
  return { data: bytes, width, height, channels }
}

// A data: URL travels as it is. Anything else is a place in the file system of whoever asks, never of the server.
async function placed(value: string | URL, name: string, signal: AbortSignal): Promise<unknown> {
  const text = typeof value === 'string' ? value : value.href
  if (/^data:/i.test(text)) return text
  const isAddress = /^[a-z][a-z0-9+.-]+:\/\//i.test(text)
  if (isAddress && !/^file:/i.test(text))
    throw invalid(`picture ${name}: expected a path, a file: or a data: URL, got one of ${text.split(':')[0]!}:`)
  const node = (globalThis as { process?: Pick<NodeJS.Process, 'getBuiltinModule'> }).process
  const fs = node?.getBuiltinModule('fs')
  if (!fs) throw invalid(`picture ${name}: expected pixels, the bytes of a file or a data: URL, got a place that only Node can read`)
  try {
    const place = isAddress ? new URL(text) : text
    const found = await fs.promises.stat(place)
    if (!found.isFile() || found.size > MAX_FILE_BYTES)
      throw new Error(found.isFile() ? `more than ${MAX_FILE_BYTES} bytes` : 'no regular file')
    return new Uint8Array(await fs.promises.readFile(place, { signal }))
  } catch (error) {
    signal.throwIfAborted()
    throw new DimooError('image/invalid', `picture: cannot read ${quote(text)} (${quote((error as Error).message)})`)
  }
}

async function collected(stream: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  const take = (piece: Uint8Array): void => {
    signal.throwIfAborted()
    pieces.push(piece)
    length += piece.length
    if (length > MAX_FILE_BYTES) throw new DimooError('image/invalid', `picture: expected at most ${MAX_FILE_BYTES} bytes, got more`)
  }
  if (Symbol.asyncIterator in stream) for await (const piece of stream) take(piece)
  else {
    const reader = (stream as ReadableStream<Uint8Array>).getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
