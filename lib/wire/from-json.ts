// The JSON form of plain data back into what it was: a field says which strings are bytes and which arrays of numbers typed ones. What a
// value must be is checked afterwards, where every request is (fields/check.ts); here only what JSON cannot hold is restored.
import { invalid } from '../base/errors.js'
import { base64, fromBase64 } from '../base/json.js'
import { isObject, typedArrayName } from '../base/realm.js'
import type { Field, Fields } from '../fields/field.js'

const ARRAYS = { i32: Int32Array, u32: Uint32Array, f32: Float32Array } as const
/** What such an array holds as it is. Other numbers stay, to be refused. */
const HOLDS: Readonly<Record<keyof typeof ARRAYS, (one: unknown) => boolean>> = {
  i32: (one) => Number.isInteger(one) && (one as number) >= -(2 ** 31) && (one as number) < 2 ** 31,
  u32: (one) => Number.isInteger(one) && (one as number) >= 0 && (one as number) < 2 ** 32,
  f32: (one) => typeof one === 'number',
}

/** An object of fields. Names that no field has stay as they are, to be refused by name. `place`: where it stands, for messages. */
export function objectFromJson(json: unknown, fields: Fields, place = ''): unknown {
  if (!isObject(json)) return json
  const within = (name: string): string => (place === '' ? name : `${place}.${name}`)
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, Object.hasOwn(fields, name) ? fromJson(value, fields[name]!, within(name)) : value]),
  )
}

/** `place`: how messages call it. */
export function fromJson(json: unknown, field: Field, place = 'wire'): unknown {
  switch (field.kind) {
    case 'bytes':
      return typeof json === 'string' ? bytesOf(json, place) : json
    case 'i32':
    case 'u32':
    case 'f32':
      return Array.isArray(json) && json.every(HOLDS[field.kind]) ? ARRAYS[field.kind].from(json) : json
    case 'picture':
    case 'region':
      return pictureOf(json, place)
    case 'list':
      return Array.isArray(json) ? json.map((one, i) => fromJson(one, field.of, `${place}[${i}]`)) : json
    case 'group':
      return objectFromJson(json, field.fields, place)
    case 'record':
      return isObject(json)
        ? Object.fromEntries(Object.entries(json).map(([name, one]) => [name, fromJson(one, field.of, `${place}.${name}`)]))
        : json
    case 'either':
      return eitherOf(json, field.of, place)
    default:
      return json
  }
}

// Among several, an object is meant for the group or the picture, text for bytes where no other text is.
function eitherOf(json: unknown, of: readonly Field[], place: string): unknown {
  const kinds = (...names: readonly string[]): Field | undefined => of.find(({ kind }) => names.includes(kind))
  if (isObject(json)) {
    const group = of.find((one) => one.kind === 'group' && (one.required ?? Object.keys(one.fields)).some((name) => name in json))
    const found = group ?? kinds('picture', 'region')
    return found ? fromJson(json, found, place) : json
  }
  if (typeof json === 'string' && !kinds('choice', 'text')) return fromJson(json, kinds('bytes', 'picture', 'region') ?? of[0]!, place)
  return Array.isArray(json) ? fromJson(json, kinds('region', 'list', 'i32', 'u32', 'f32') ?? of[0]!, place) : json
}

// Raw pixels, a picture of a result, a `data:` URL of bytes, or cells by number. Other text stays, to be refused.
function pictureOf(json: unknown, place: string): unknown {
  if (typeof json === 'string') {
    const comma = json.indexOf(',')
    return comma >= 0 && comma < 256 && /^data:[^,]*;base64$/i.test(json.slice(0, comma)) ? bytesOf(json.slice(comma + 1), place) : json
  }
  if (Array.isArray(json) && json.length > 0 && json.every(HOLDS.u32)) {
    return Uint32Array.from(json as number[])
  }
  if (!isObject(json)) return json
  if (typeof json['data'] === 'string') return { ...json, data: bytesOf(json['data'], place) }
  if (!isObject(json['image'])) return json
  const tokens = json['tokens']
  return {
    ...json,
    image: pictureOf(json['image'], place),
    ...(Array.isArray(tokens) && { tokens: fromJson(tokens, { kind: 'i32', summary: '' }) }),
  }
}

function bytesOf(text: string, place: string): Uint8Array {
  const bytes = fromBase64(text)
  if (!bytes) throw invalid(`${place}: expected bytes as base64, got other text`)
  return bytes
}

/** The other way, for what `toJson` cannot tell by itself: where a picture may stand, bytes are a `data:` URL. */
export function pictureUrls(values: object, fields: Fields): object {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Object.hasOwn(fields, name) ? urlOf(value, fields[name]!) : value]),
  )
}

function urlOf(value: unknown, field: Field): unknown {
  switch (field.kind) {
    case 'picture':
    case 'region':
      return typedArrayName(value) === 'Uint8Array' ? dataUrl(value as Uint8Array) : value
    case 'list':
      return Array.isArray(value) ? value.map((one) => urlOf(one, field.of)) : value
    case 'group':
      return isObject(value) ? pictureUrls(value, field.fields) : value
    case 'either': {
      const picture = field.of.find(({ kind }) => kind === 'picture' || kind === 'region')
      return picture ? urlOf(value, picture) : value
    }
    default:
      return value
  }
}

const SIGNATURES: readonly (readonly [type: string, at: number, bytes: string])[] = [
  ['image/png', 0, '\x89PNG'],
  ['image/jpeg', 0, '\xff\xd8\xff'],
  ['image/webp', 8, 'WEBP'],
  ['image/gif', 0, 'GIF8'],
]

function dataUrl(bytes: Uint8Array): string {
  const starts = String.fromCharCode(...bytes.subarray(0, 16))
  const type = SIGNATURES.find(([, at, signature]) => starts.startsWith(signature, at))?.[0] ?? 'application/octet-stream'
  return `data:${type};base64,${base64(bytes)}`
}
