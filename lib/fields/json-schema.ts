// Fields as JSON Schema 2020-12: what a request, a step or a result is where it travels as JSON (docs/wire.md). 64-bit seeds are decimal
// digits, bytes base64, pictures `data:` URLs or raw pixels; what lives in one process only is left out.
import { defaultText, isLocal, MAX_TEXT_BYTES, type Field, type Fields, type GroupField, type Json } from './field.js'

/** A JSON Schema (2020-12) as a plain object. */
export type JsonSchema = { readonly [name: string]: Json }

const RECT: JsonSchema = {
  type: 'object',
  description: 'A rectangle in pixels of the picture.',
  properties: {
    left: { type: 'integer', minimum: 0 },
    top: { type: 'integer', minimum: 0 },
    width: { type: 'integer', minimum: 1 },
    height: { type: 'integer', minimum: 1 },
  },
  required: ['left', 'top', 'width', 'height'],
  additionalProperties: false,
}

const RAW: JsonSchema = {
  type: 'object',
  description: 'Tightly packed 8-bit pixels, row by row, sRGB.',
  properties: {
    data: { type: 'string', contentEncoding: 'base64', description: 'height * width * channels bytes.' },
    width: { type: 'integer', minimum: 1 },
    height: { type: 'integer', minimum: 1 },
    channels: { enum: [3, 4], description: '3: RGB, 4: RGBA.' },
  },
  required: ['data', 'width', 'height', 'channels'],
  additionalProperties: false,
}

const URL_PICTURE: JsonSchema = {
  type: 'string',
  pattern: '^data:',
  description: 'A data: URL with the bytes of a PNG, JPEG, WebP, GIF, TIFF or AVIF file.',
}

// A result of ours: its codes are taken as they are where the task wants them.
const MADE: JsonSchema = {
  type: 'object',
  description: 'A picture of a result.',
  properties: { image: RAW, tokens: { type: 'array', items: { type: 'integer', minimum: 0 } }, parameters: { type: 'object' } },
  required: ['image', 'tokens', 'parameters'],
}

const PICTURES: readonly JsonSchema[] = [URL_PICTURE, RAW, MADE]

/** An object of fields. Top level: `type: 'object'` with `properties`, each with its description; no `anyOf` at the root. */
export function objectSchema(fields: Fields, required: readonly string[] = []): JsonSchema {
  const travelling = Object.entries(fields).filter(([, field]) => !isLocal(field))
  return {
    type: 'object',
    properties: Object.fromEntries(travelling.map(([name, field]) => [name, schemaOf(field)])),
    ...(required.length > 0 && { required: [...required] }),
    additionalProperties: false,
  }
}

/** One field, with its sentence. */
export function schemaOf(field: Field): JsonSchema {
  const found = field.default
  const words = found && !('value' in found) ? ` Default: ${defaultText(found)}.` : ''
  const unit = field.unit === undefined ? '' : ` In ${field.unit}.`
  const value = found && 'value' in found ? { default: found.value } : {}
  return { ...kindSchema(field), description: `${field.summary}${unit}${words}`, ...value }
}

function kindSchema(field: Field): JsonSchema {
  switch (field.kind) {
    case 'integer': {
      const { min, max, multipleOf } = field
      return { type: 'integer', minimum: min, ...(max !== undefined && { maximum: max }), ...(multipleOf !== undefined && { multipleOf }) }
    }
    case 'number':
      return { type: 'number', [field.over ? 'exclusiveMinimum' : 'minimum']: field.min, maximum: field.max }
    case 'boolean':
      return field.only === undefined ? { type: 'boolean' } : { const: field.only }
    case 'text':
      return {
        type: 'string',
        ...(field.pattern !== undefined && { pattern: `^(?:${field.pattern})$` }),
        // Characters, of which each is at least a byte: bytes of UTF-8 are counted when the request is checked.
        maxLength: field.maxBytes ?? MAX_TEXT_BYTES,
      }
    case 'choice':
      return { type: 'string', enum: [...field.values] }
    case 'seed':
      return {
        anyOf: [
          { type: 'string', pattern: '^[0-9]{1,20}$' },
          { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        ],
      }
    case 'picture':
      return { anyOf: [...PICTURES] }
    case 'region':
      return {
        anyOf: [
          ...PICTURES,
          RECT,
          { type: 'array', items: RECT, minItems: 1 },
          { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1, description: 'Cells by number, row by row.' },
        ],
      }
    case 'schedule':
      return {
        anyOf: [
          { enum: ['cosine', 'linear'] },
          { type: 'array', items: { type: 'number', minimum: 0, maximum: 1 }, minItems: 1, maxItems: 4096 },
        ],
      }
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' }
    case 'i32':
      return { type: 'array', items: { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 } }
    case 'u32':
      return { type: 'array', items: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 } }
    case 'f32':
      return { type: 'array', items: { type: 'number' } }
    case 'list':
      return { type: 'array', items: schemaOf(field.of), ...(field.min !== undefined && { minItems: field.min }), maxItems: field.max }
    case 'group':
      return objectSchema(field.fields, field.required)
    case 'record':
      return { type: 'object', additionalProperties: schemaOf(field.of), maxProperties: field.max }
    case 'either':
      return { anyOf: field.of.map(schemaOf) }
    default:
      return {}
  }
}

/** A whole schema, named. */
export function rootSchema(title: string, description: string, { fields, required }: Pick<GroupField, 'fields' | 'required'>): JsonSchema {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title, description, ...objectSchema(fields, required) }
}
