// The rule of a field in words, as every message says it: "steps must be an integer from 1 to 4096".
import type { Field } from './field.js'

const quoted = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

export const PICTURE_RULE = 'a picture (pixels, a path, a file: or data: URL, the bytes of a file, or a result)'
const REGION_RULE = 'a picture, a rectangle {left, top, width, height} of whole pixels or an array of them'

/** Completes "... must be". */
export function ruleOf(field: Field): string {
  if (field.rule !== undefined) return field.rule
  switch (field.kind) {
    case 'integer': {
      const range = field.max === undefined ? `an integer of at least ${field.min}` : `an integer from ${field.min} to ${field.max}`
      return field.multipleOf === undefined ? range : `${range}, a multiple of ${field.multipleOf}`
    }
    case 'number':
      return field.over ? `a number over ${field.min} and at most ${field.max}` : `a number from ${field.min} to ${field.max}`
    case 'boolean':
      return field.only === undefined ? 'true or false' : String(field.only)
    case 'text':
      return field.pattern === undefined ? 'a string' : `a string that matches ${field.pattern}`
    case 'choice':
      return `one of ${quoted(field.values)}`
    case 'seed':
      return 'an integer from 0 to 2^53 - 1, or a bigint up to 2^64 - 1'
    case 'picture':
      return PICTURE_RULE
    case 'region':
      return REGION_RULE
    case 'schedule':
      return "'cosine', 'linear' or a function"
    case 'bytes':
      return 'an Uint8Array'
    case 'i32':
      return 'an Int32Array'
    case 'u32':
      return 'an Uint32Array'
    case 'f32':
      return 'a Float32Array'
    case 'list':
      return `an array of ${field.min === undefined ? 'at most' : `${field.min} to`} ${field.max}`
    case 'group':
      return `an object {${Object.keys(field.fields).join(', ')}}`
    case 'record':
      return `an object of at most ${field.max} names, each ${ruleOf(field.of)}`
    case 'either':
      return field.of.map(ruleOf).join(' or ')
    case 'signal':
      return 'an AbortSignal'
    case 'function':
      return 'a function'
    case 'logger':
      return 'an object with the functions debug, info, warn, error'
    case 'any':
      return 'any value'
  }
}

/** The range of a field for docs: "1 to 4096", "" where the type says it all. */
export function rangeOf(field: Field): string {
  switch (field.kind) {
    case 'integer': {
      const range = field.max === undefined ? `at least ${field.min}` : `${field.min} to ${field.max}`
      return field.multipleOf === undefined ? range : `${range}, a multiple of ${field.multipleOf}`
    }
    case 'number':
      return field.over ? `over ${field.min}, at most ${field.max}` : `${field.min} to ${field.max}`
    case 'text':
      return field.maxBytes === undefined ? '' : `at most ${field.maxBytes} bytes of UTF-8`
    case 'list':
      return `${field.min ?? 0} to ${field.max}`
    default:
      return ''
  }
}
