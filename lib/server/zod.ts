// Fields as zod schemas of their JSON form (docs/wire.md): what a route takes, and what its page in OpenAPI says. One schema a kind of
// field; what is wrong is told in the words of fields/check.ts, whose rules these are.
import { z } from 'zod'
import { checkTextBytes } from '../fields/check.js'
import { defaultText, isLocal, MAX_TEXT_BYTES, type Field, type Fields, type GroupField } from '../fields/field.js'
import { fromBase64 } from '../base/json.js'

const base64 = (): z.ZodType => z.string().refine((text) => fromBase64(text) !== undefined)
const whole = (min: number): z.ZodNumber => z.number().int().min(min)

const RECT = z.strictObject({ left: whole(0), top: whole(0), width: whole(1), height: whole(1) }).describe('A rectangle in pixels.')
const RAW = z
  .strictObject({ data: base64(), width: whole(1), height: whole(1), channels: z.union([z.literal(3), z.literal(4)]) })
  .describe('Tightly packed 8-bit pixels, row by row, sRGB; `data` as base64.')
const MADE = z
  .looseObject({ image: RAW, tokens: z.array(whole(0)), parameters: z.record(z.string(), z.unknown()) })
  .describe('A picture of a result.')
const DATA_URL = z
  .string()
  .regex(/^data:/i)
  .describe('A data: URL with the bytes of a PNG, JPEG, WebP, GIF, TIFF or AVIF file.')
const PICTURE = z.union([DATA_URL, RAW, MADE])
const CELLS = z.array(whole(0)).min(1).describe('Cells by number, row by row.')
const REGION = z.union([PICTURE, RECT, z.array(RECT).min(1), CELLS])
const SCHEDULE = z.union([z.enum(['cosine', 'linear']), z.array(z.number().min(0).max(1)).min(1).max(4096)])
const SEED = z.union([
  z
    .string()
    .regex(/^[0-9]{1,20}$/)
    .refine((digits) => /^[0-9]{1,20}$/.test(digits) && BigInt(digits) < 2n ** 64n),
  whole(0),
])

/** An object of fields, of no other names. */
export function zodObject(fields: Fields, required: readonly string[] = []): z.ZodObject {
  const travelling = Object.entries(fields).filter(([, field]) => !isLocal(field))
  return z.strictObject(
    Object.fromEntries(
      travelling.map(([name, field]) => [name, required.includes(name) ? zodField(field) : zodField(field).optional()] as const),
    ),
  )
}

/** One field, with its sentence. */
export function zodField(field: Field): z.ZodType {
  const found = field.default
  const unit = field.unit === undefined ? '' : ` In ${field.unit}.`
  const words = found === undefined ? '' : ` Default: ${defaultText(found)}.`
  return kind(field).describe(`${field.summary}${unit}${words}`)
}

function kind(field: Field): z.ZodType {
  switch (field.kind) {
    case 'integer': {
      const { min, max, multipleOf } = field
      let made = whole(min)
      if (max !== undefined) made = made.max(max)
      return multipleOf === undefined ? made : made.multipleOf(multipleOf)
    }
    case 'number':
      return field.over ? z.number().gt(field.min).max(field.max) : z.number().min(field.min).max(field.max)
    case 'boolean':
      return field.only === undefined ? z.boolean() : z.literal(field.only)
    case 'text':
      return textOf(field.pattern, field.maxBytes)
    case 'choice':
      return z.enum(field.values as [string, ...string[]])
    case 'seed':
      return SEED
    case 'picture':
      return PICTURE
    case 'region':
      return REGION
    case 'schedule':
      return SCHEDULE
    case 'bytes':
      return base64()
    case 'i32':
      return z.array(z.number().int())
    case 'u32':
      return z.array(whole(0))
    case 'f32':
      return z.array(z.number())
    case 'list': {
      const list = z.array(zodField(field.of)).max(field.max)
      return field.min === undefined ? list : list.min(field.min)
    }
    case 'group':
      return groupOf(field)
    case 'record':
      return z.record(z.string(), zodField(field.of)).refine((value) => Object.keys(value).length <= field.max)
    case 'either':
      return z.union(field.of.map(zodField))
    default:
      return z.never()
  }
}

function textOf(pattern: string | undefined, maxBytes = MAX_TEXT_BYTES): z.ZodType {
  const short = (text: string): boolean => {
    try {
      checkTextBytes('', text, maxBytes)
      return true
    } catch {
      return false
    }
  }
  const text = pattern === undefined ? z.string() : z.string().regex(new RegExp(`^(?:${pattern})$`, 'u'))
  return text.refine(short)
}

const groupOf = ({ fields, required }: GroupField): z.ZodType => zodObject(fields, required)
