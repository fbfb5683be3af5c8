// The JSON form of plain data back into what it was: a field says which strings are bytes and which arrays of numbers typed ones. What a
// value must be is checked afterwards, where every request is (fields/check.ts); here only what JSON cannot hold is restored.
import { invalid } from '../base/errors.js'
import { fromBase64 } from '../base/json.js'
import { isObject } from '../base/realm.js'
import type { Field, Fields } from '../fields/field.js'

const ARRAYS = { i32: Int32Array, u32: Uint32Array, f32: Float32Array } as const

/** An object of fields. Names that no field has stay as they are, to be refused by name. */
export function objectFromJson(json: unknown, fields: Fields): unknown {
  if (!isObject(json)) return json
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, Object.hasOwn(fields, name) ? fromJson(value, fields[name]!) : value]),
  )
}

export function fromJson(json: unknown, field: Field): unknown {
  switch (field.kind) {
    case 'bytes':
      return typeof json === 'string' ? bytesOf(json) : json
    case 'i32':
    case 'u32':
    case 'f32':
      return Array.isArray(json) && json.every((one) => typeof one === 'number') ? ARRAYS[field.kind].from(json) : json
    case 'picture':
    case 'region':
      return pictureOf(json)
    case 'list':
      return Array.isArray(json) ? json.map((one) => fromJson(one, field.of)) : json
    case 'group':
      return objectFromJson(json, field.fields)
    case 'record':
      return isObject(json) ? Object.fromEntries(Object.entries(json).map(([name, one]) => [name, fromJson(one, field.of)])) : json
    case 'either':
      return eitherOf(json, field.of)
    default:
      return json
  }
}

// Among several, an object is meant for the group or the picture, text for bytes where no other text is.
function eitherOf(json: unknown, of: readonly Field[]): unknown {
  const kinds = (...names: readonly string[]): Field | undefined => of.find(({ kind }) => names.includes(kind))
  if (isObject(json)) {
    const group = of.find((one) => one.kind === 'group' && (one.required ?? Object.keys(one.fields)).some((name) => name in json))
    const found = group ?? kinds('picture', 'region')
    return found ? fromJson(json, found) : json
  }
  if (typeof json === 'string' && !kinds('choice', 'text')) return fromJson(json, kinds('bytes', 'picture', 'region') ?? of[0]!)
  return Array.isArray(json) ? fromJson(json, kinds('region', 'list', 'i32', 'u32', 'f32') ?? of[0]!) : json
}

// Raw pixels, or a picture of a result; text is a `data:` URL and stays one.
function pictureOf(json: unknown): unknown {
  if (!isObject(json)) return json
  if (typeof json['data'] === 'string') return { ...json, data: bytesOf(json['data']) }
  if (!isObject(json['image'])) return json
  const tokens = json['tokens']
  return {
    ...json,
    image: pictureOf(json['image']),
    ...(Array.isArray(tokens) && { tokens: fromJson(tokens, { kind: 'i32', summary: '' }) }),
  }
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text)
  if (!bytes) throw invalid('wire: expected bytes as base64, got other text')
  return bytes
}
