// Values and foreign text as messages show them: short, one line, nothing in them can steer a terminal or forge a line of a log.

/** A value: text in quotes, numbers as they are, the entries of objects and arrays as far as they fit. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value !== 'object' || value === null) return cut(typeof value === 'string' ? `'${flat(value)}'` : String(value), 60)
  if (ArrayBuffer.isView(value)) return `${article(nameOf(value))} of ${value.byteLength} bytes`
  return Array.isArray(value) ? `an array ${cut(entries(value, 1), 60)}` : `an object ${cut(entries(value, 1), 60)}`
}

/** Text from outside (a file, a server, a prompt) inside a sentence: escaped, at most `length` characters. */
export function quote(text: string, length = 200): string {
  return cut(flat(text.slice(0, 4 * length)), length)
}

/** `text` as one line of printable characters; control characters, line separators and lone surrogates are escaped. */
export function flat(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu, (char) => {
    const known = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char]
    return known ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text
}

// Few entries are enough: the text is cut.
function entries(value: object, depth: number): string {
  if (Array.isArray(value))
    return `[${value
      .slice(0, 8)
      .map((one: unknown) => inner(one, depth))
      .join(', ')}${value.length > 8 ? ', ...' : ''}]`
  const names = Object.keys(value)
  const shown = names.slice(0, 8).map((name) => `${flat(name.slice(0, 60))}: ${inner((value as Record<string, unknown>)[name], depth)}`)
  return `{${shown.join(', ')}${names.length > 8 ? ', ...' : ''}}`
}

function inner(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? cut(`'${flat(value.slice(0, 60))}'`, 40) : show(value)
  if (ArrayBuffer.isView(value)) return nameOf(value)
  return depth > 0 ? entries(value, depth - 1) : Array.isArray(value) ? '[...]' : '{...}'
}

const nameOf = (value: object): string => (value as { constructor?: { name?: string } }).constructor?.name ?? 'Object'

export function article(noun: string): string {
  return `${/^[aeiou]/i.test(noun) && !/^(u8|uint)/i.test(noun) ? 'an' : 'a'} ${noun}`
}
