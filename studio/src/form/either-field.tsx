// A field that takes one of several forms: a list of them, and the widget of the one that is chosen.
import { useId, useState } from 'preact/hooks'
import { kindOf, labelOf, shown, type Schema } from '../schema/schema.js'
import { GroupField, SchemaField, type FieldProps } from './schema-field.js'

interface Variant {
  readonly key: string
  readonly words: string
  /** What choosing it means at once; undefined: its widget says. */
  readonly value?: unknown
  readonly schema?: Schema
}

export function EitherField(props: FieldProps) {
  const { name, schema, value, fallback, onChange, label = labelOf(name) } = props
  const id = useId()
  const variants = schema.anyOf!.flatMap(variantsOf)
  // A number alone is typed, not chosen: that is what most people want.
  const typed = variants.find(({ schema: own }) => own && kindOf(own) === 'number')
  const [wanted, want] = useState<string | undefined>(undefined)
  const found = variants.find((one) => fits(one, value))?.key ?? (value === undefined ? undefined : wanted)
  const key = value === undefined ? (wanted ?? '') : (found ?? wanted ?? '')
  const chosen = variants.find((one) => one.key === key)
  const given = fallback ?? (schema.default === undefined ? '' : shown(schema.default))
  return (
    <div class="field either">
      <label for={id}>{label}</label>
      <select
        id={id}
        name={name}
        aria-describedby={`${id}-hint`}
        value={key}
        onChange={(event) => {
          const next = variants.find((one) => one.key === event.currentTarget.value)
          want(next?.key)
          onChange(next?.value)
        }}
      >
        <option value="">{given === '' ? 'default' : `default: ${given}`}</option>
        {variants.map((one) => (
          <option key={one.key} value={one.key}>
            {one.words}
          </option>
        ))}
      </select>
      {chosen?.schema &&
        (kindOf(chosen.schema) === 'group' ? (
          <GroupField {...props} required label={`${label}: ${chosen.words}`} schema={withoutHint(chosen.schema)} />
        ) : (
          <SchemaField
            {...props}
            label={`${label}: ${chosen.words}`}
            schema={withoutHint(chosen.schema)}
            fallback={chosen === typed ? fallback : undefined}
          />
        ))}
      <p class="hint" id={`${id}-hint`}>
        {schema.description}
      </p>
    </div>
  )
}

function variantsOf(schema: Schema, at: number): Variant[] {
  if (schema.const !== undefined) return [{ key: `const ${shown(schema.const)}`, words: shown(schema.const), value: schema.const }]
  switch (kindOf(schema)) {
    case 'choice':
      return schema.enum!.map((one) => ({ key: `is ${one}`, words: String(one), value: one }))
    case 'switch':
      return [true, false].map((one) => ({ key: `is ${one}`, words: one ? 'on' : 'off', value: one }))
    case 'group':
      return [{ key: `group ${at}`, words: 'by parts', schema }]
    case 'number':
      return [{ key: `number ${at}`, words: 'a number', schema }]
    case 'numbers':
      return [{ key: `numbers ${at}`, words: 'numbers', schema }]
    case 'text':
      return [{ key: `text ${at}`, words: 'a text', schema }]
    case 'either':
      return schema.anyOf!.flatMap(variantsOf)
    default:
      return []
  }
}

function fits({ value: fixed, schema }: Variant, value: unknown): boolean {
  if (value === undefined) return false
  if (!schema) return fixed === value
  switch (kindOf(schema)) {
    case 'number':
      return typeof value === 'number'
    case 'numbers':
      return Array.isArray(value)
    case 'group':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    default:
      return typeof value === 'string'
  }
}

const withoutHint = ({ description: _, ...schema }: Schema): Schema => schema
