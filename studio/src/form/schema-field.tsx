// One field of a schema as a widget, with its sentence. What is left empty is the model's or the schema's default.
import { useId } from 'preact/hooks'
import { fieldsOf, kindOf, labelOf, shown, type Schema } from '../schema/schema.js'
import { EitherField } from './either-field.js'

export interface FieldProps {
  readonly name: string
  readonly label?: string
  readonly schema: Schema
  readonly required?: boolean
  readonly value: unknown
  /** What is taken where it is empty. */
  readonly fallback?: string | undefined
  readonly onChange: (value: unknown) => void
}

export function SchemaField(props: FieldProps) {
  const { name, schema, label = labelOf(name) } = props
  const kind = kindOf(schema)
  if (kind === 'group') return <GroupField {...props} />
  if (kind === 'either') return <EitherField {...props} />
  if (kind === 'data') return null // has a widget of its own, or none
  return <PlainField {...props} label={label} />
}

function PlainField({ name, label, schema, value, fallback, onChange }: FieldProps) {
  const id = useId()
  const hint = schema.description ?? ''
  const kind = kindOf(schema)
  const common = { id, name, 'aria-describedby': hint === '' ? undefined : `${id}-hint` } as const
  const given = fallback ?? (schema.default === undefined ? '' : shown(schema.default))
  return (
    <div class={kind === 'switch' ? 'field switch' : 'field'}>
      <label for={id}>{label}</label>
      {kind === 'choice' && (
        <select
          {...common}
          value={value === undefined ? '' : shown(value)}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        >
          <option value="">{given === '' ? 'default' : `default: ${given}`}</option>
          {schema.enum!.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      )}
      {kind === 'switch' && (
        <input
          {...common}
          type="checkbox"
          checked={Boolean(value ?? schema.default)}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      )}
      {kind === 'number' && (
        <input
          {...common}
          type="number"
          min={schema.minimum ?? schema.exclusiveMinimum}
          max={schema.maximum}
          step={schema.type === 'integer' ? (schema.multipleOf ?? 1) : 'any'}
          placeholder={given}
          value={typeof value === 'number' ? value : ''}
          onInput={(event) => onChange(Number.isNaN(event.currentTarget.valueAsNumber) ? undefined : event.currentTarget.valueAsNumber)}
        />
      )}
      {kind === 'text' && (
        <input
          {...common}
          type="text"
          placeholder={given}
          value={typeof value === 'string' ? value : ''}
          onInput={(event) => onChange(event.currentTarget.value || undefined)}
        />
      )}
      {kind === 'numbers' && (
        <input
          {...common}
          type="text"
          inputMode="decimal"
          placeholder="0.9, 0.5, 0"
          value={Array.isArray(value) ? value.join(', ') : ''}
          onChange={(event) => onChange(numbersIn(event.currentTarget.value))}
        />
      )}
      {hint !== '' && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

export function GroupField({ name, label = labelOf(name), schema, required, value, onChange }: FieldProps) {
  const id = useId()
  // A group that may be empty and may be left out is switched on and off.
  const isSwitch = !required && (schema.required ?? []).length === 0
  const own = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
  const change = (part: string, next: unknown): void => {
    const { [part]: _, ...rest } = own
    const changed = next === undefined ? rest : { ...rest, [part]: next }
    onChange(Object.keys(changed).length === 0 && !isSwitch ? undefined : changed)
  }
  return (
    <fieldset class="group" aria-describedby={schema.description === undefined ? undefined : `${id}-hint`}>
      <legend>{label}</legend>
      {schema.description !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {schema.description}
        </p>
      )}
      {isSwitch && (
        <label class="check">
          <input
            type="checkbox"
            checked={value !== undefined}
            onChange={(event) => onChange(event.currentTarget.checked ? {} : undefined)}
          />
          {`${label} on`}
        </label>
      )}
      {fieldsOf(schema).map((part) => (
        <SchemaField key={part.name} {...part} value={own[part.name]} onChange={(next) => change(part.name, next)} />
      ))}
    </fieldset>
  )
}

function numbersIn(text: string): number[] | undefined {
  const found = text.split(/[\s,;]+/).filter((word) => word !== '')
  const numbers = found.map(Number).filter((one) => Number.isFinite(one))
  return numbers.length === 0 ? undefined : numbers
}
