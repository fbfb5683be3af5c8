// Texts of a form as the values that their fields take: `24` is a number where a number belongs. What is none stays text, so that the
// message shows what was sent.
import type { Field } from '../fields/field.js'

export function valueOf(text: string, field: Field): unknown {
  switch (field.kind) {
    case 'integer':
    case 'number':
      return numberOf(text)
    case 'boolean':
      return booleanOf(text)
    case 'text':
    case 'choice':
    case 'seed':
    case 'bytes':
      return text
    case 'list':
      return /^\s*\[/.test(text) ? jsonOf(text) : [valueOf(text, field.of)]
    case 'either':
      return eitherOf(text, field.of)
    default:
      return /^\s*[[{]/.test(text) ? jsonOf(text) : text
  }
}

/** Several texts of one name: the entries of a list, otherwise only one may be. */
export function valuesOf(texts: readonly string[], field: Field): unknown {
  if (texts.length === 1) return valueOf(texts[0]!, field)
  return field.kind === 'list' ? texts.map((text) => valueOf(text, field.of)) : texts
}

function eitherOf(text: string, of: readonly Field[]): unknown {
  if (/^\s*[[{]/.test(text)) return jsonOf(text)
  if (of.some((one) => one.kind === 'choice' && one.values.includes(text))) return text
  if (of.some(({ kind }) => kind === 'boolean') && typeof booleanOf(text) === 'boolean') return booleanOf(text)
  const isNumeric = of.some(({ kind }) => kind === 'number' || kind === 'integer')
  return isNumeric ? numberOf(text) : text
}

const numberOf = (text: string): unknown => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text))

function booleanOf(text: string): unknown {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  return /^(false|0|no|off)$/i.test(text) ? false : text
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
