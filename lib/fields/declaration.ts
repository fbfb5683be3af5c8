// Fields as TypeScript: interfaces whose every member says its rule, unit and default. `npm run generate` writes lib/requests/types
// with this.
import { defaultText, type Field, type Fields, type GroupField } from './field.js'
import { rangeOf } from './rules.js'

/** The TypeScript type of a field's value. */
export function typeOf(field: Field): string {
  switch (field.kind) {
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return field.only === undefined ? 'boolean' : String(field.only)
    case 'text':
      return field.type ?? 'string'
    case 'choice':
      return field.values.map((value) => `'${value}'`).join(' | ')
    case 'seed':
      return 'number | bigint | string'
    case 'picture':
      return 'ImageInput'
    case 'region':
      return 'MaskInput'
    case 'schedule':
      return 'Schedule'
    case 'bytes':
      return 'Uint8Array'
    case 'i32':
      return 'Int32Array'
    case 'u32':
      return 'Uint32Array'
    case 'f32':
      return 'Float32Array'
    case 'list': {
      const item = typeOf(field.of)
      return /^[\w.]+$/.test(item) ? `readonly ${item}[]` : `readonly (${item})[]`
    }
    case 'group':
      return (
        field.type ??
        `{ ${Object.entries(field.fields)
          .map(([name, one]) => `readonly ${member(name, one, field)}`)
          .join('; ')} }`
      )
    case 'record':
      return `Readonly<Record<string, ${typeOf(field.of)}>>`
    case 'either':
      return [...new Set(field.of.map(typeOf))].join(' | ')
    case 'signal':
      return 'AbortSignal'
    case 'logger':
      return 'Logger'
    case 'function':
    case 'any':
      return field.type ?? 'unknown'
  }
}

const member = (name: string, field: Field, { required = [] }: Pick<GroupField, 'required'>): string =>
  `${name}${required.includes(name) ? '' : '?'}: ${typeOf(field)}`

/** What hovering a member shows: its sentence, range, unit and default. */
export function docOf(field: Field): string {
  const range = rangeOf(field)
  const unit = field.unit === undefined ? '' : `In ${field.unit}.`
  const found = field.default === undefined ? '' : `Default: ${defaultText(field.default)}.`
  return [field.summary, range === '' ? '' : `${range[0]!.toUpperCase()}${range.slice(1)}.`, unit, found].filter(Boolean).join(' ')
}

/** An interface, its named groups not included. `doc` is the text above it, one line each. */
export function interfaceOf(name: string, doc: readonly string[], shape: Pick<GroupField, 'fields' | 'required'>): string {
  const members = Object.entries(shape.fields).map(
    ([key, field]) => `  /** ${escaped(docOf(field))} */\n  readonly ${member(key, field, shape)}\n`,
  )
  return `/**\n${doc.map((line) => ` * ${escaped(line)}`.trimEnd()).join('\n')}\n */\nexport interface ${name} {\n${members.join('')}}\n`
}

const escaped = (text: string): string => text.replaceAll('*/', '*\\/')

/** Groups with a name of their own, inner ones first, each once. */
export function namedGroups(fields: Fields): ReadonlyMap<string, GroupField> {
  const found = new Map<string, GroupField>()
  const visit = (field: Field): void => {
    if (field.kind === 'either') field.of.forEach(visit)
    else if (field.kind === 'list' || field.kind === 'record') visit(field.of)
    else if (field.kind === 'group') {
      Object.values(field.fields).forEach(visit)
      if (field.type !== undefined) found.set(field.type, field)
    }
  }
  Object.values(fields).forEach(visit)
  return found
}
