// Texts of a form as the values that their fields take: `24` is a number where a number belongs. What is none stays text, so that the
// message shows what was sent. Names may lead into a value, as OpenAI's client and jQuery write them: `extend[left]`, `schedule[]`.
import { invalid } from '../base/errors.js'
import { number, text, type Field, type Fields } from '../fields/field.js'

/** Texts of one name, or what stands below it. */
export type Texts = readonly string[] | ReadonlyMap<string, Texts>

const MAX_DEPTH = 4
const UNKNOWN = text({ summary: '' })

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

/** Names that lead into a value, folded under its own name; `[]` counts on. Throws `request/invalid` where one is given in two ways. */
export function folded(texts: ReadonlyMap<string, readonly string[]>): Map<string, Texts> {
  const found = new Map<string, Texts>()
  for (const [name, ones] of texts) {
    const [, base, path = ''] = /^([^[\]]+)((?:\[[^[\]]*\])+)$/.exec(name) ?? []
    const keys = [...path.matchAll(/\[([^[\]]*)\]/g)].map(([, key]) => key!)
    if (base === undefined || keys.length > MAX_DEPTH) put(found, name, ones, name)
    else if (keys.at(-1) !== '') put(below(found, [base, ...keys.slice(0, -1)], name), keys.at(-1)!, ones, name)
    else for (const [i, one] of ones.entries()) put(below(found, [base, ...keys.slice(0, -1)], name), String(i), [one], name)
  }
  return found
}

function below(found: Map<string, Texts>, path: readonly string[], name: string): Map<string, Texts> {
  return path.reduce((at, key) => {
    if (!at.has(key)) at.set(key, new Map())
    const next = at.get(key)!
    if (Array.isArray(next)) throw invalid(`body: ${name} must be given in one way, got it as a text of its own too`)
    return next as Map<string, Texts>
  }, found)
}

function put(at: Map<string, Texts>, key: string, texts: Texts, name: string): void {
  if (at.has(key)) throw invalid(`body: ${name} must be given in one way, got it in two`)
  at.set(key, texts)
}

/** Several texts of one name: the entries of a list, otherwise only one may be. */
export function valuesOf(texts: Texts, field: Field): unknown {
  if (!Array.isArray(texts)) return partsOf(texts as ReadonlyMap<string, Texts>, field)
  if (texts.length === 1) return valueOf(texts[0] as string, field)
  return field.kind === 'list' ? texts.map((text: string) => valueOf(text, field.of)) : texts
}

function partsOf(parts: ReadonlyMap<string, Texts>, field: Field): unknown {
  const all = field.kind === 'either' ? field.of : [field]
  const isList = [...parts.keys()].every((key) => /^\d+$/.test(key))
  if (isList) {
    const list = all.find((one) => one.kind === 'list')
    const of: Field = list ? list.of : all.some(({ kind }) => kind === 'schedule') ? number(-Infinity, Infinity, { summary: '' }) : UNKNOWN
    return [...parts].sort(([one], [other]) => Number(one) - Number(other)).map(([, texts]) => valuesOf(texts, of))
  }
  const fields: Fields = all.find((one) => one.kind === 'group')?.fields ?? {}
  return Object.fromEntries([...parts].map(([key, texts]) => [key, valuesOf(texts, Object.hasOwn(fields, key) ? fields[key]! : UNKNOWN)]))
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
