// The tasks' JSON Schemas, read as fields of a form: one kind a widget. Names of fields are only known where a widget is special.
import type { JsonSchema, ModelInfo, Preset, PresetName, TaskName } from 'lumina-dimoo/client'

export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly (string | number)[]
  readonly const?: unknown
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly multipleOf?: number
  readonly pattern?: string
  readonly maxLength?: number
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly maxItems?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

export interface FormField {
  readonly name: string
  readonly schema: Schema
  readonly required: boolean
}

export function fieldsOf(schema: JsonSchema | Schema | undefined): FormField[] {
  const { properties = {}, required = [] } = (schema ?? {}) as Schema
  return Object.entries(properties).map(([name, one]) => ({ name, schema: one, required: required.includes(name) }))
}

/** A picture may stand here. */
export const isPicture = ({ anyOf }: Schema): boolean => anyOf?.[0]?.pattern === '^data:' && !anyOf.some(isRect)
/** A part of a picture may stand here. */
export const isRegion = (schema: Schema): boolean => (schema.anyOf ?? []).some((one) => isRect(one) || isRegion(one))

function isRect({ properties }: Schema): boolean {
  return properties !== undefined && 'left' in properties && 'top' in properties && 'width' in properties
}

export type Kind = 'choice' | 'switch' | 'number' | 'text' | 'numbers' | 'group' | 'either' | 'data'

export function kindOf(schema: Schema): Kind {
  const { type, anyOf, items } = schema
  if (anyOf) return isPicture(schema) || isRegion(schema) ? 'data' : 'either'
  if (schema.enum) return 'choice'
  if (type === 'boolean') return 'switch'
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'string') return 'text'
  if (type === 'object') return 'group'
  if (type === 'array' && (items?.type === 'number' || items?.type === 'integer')) return 'numbers'
  return 'data'
}

/** `guidance` is Guidance, `bestOf` Best of. */
const LABELS: Readonly<Record<string, string>> = { n: 'Pictures', imageArea: 'Picture area', tag: 'Tenant' }

export function labelOf(name: string): string {
  if (LABELS[name] !== undefined) return LABELS[name]
  const words = name.replace(/Ms$/, ' (ms)').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return `${words[0]!.toUpperCase()}${words.slice(1)}`
}

const TEXT_GUIDED: readonly string[] = ['generate', 'inpaint', 'outpaint', 'retouch']

/** A value of JSON as one reads it. */
export const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''))

/** What a preset sets; nothing where none is chosen. */
export function presetOf(task: TaskName, preset: unknown, info: ModelInfo | undefined): Preset {
  return (info?.presets as Partial<ModelInfo['presets']> | undefined)?.[task]?.[preset as PresetName] ?? {}
}

/** What the model takes where a field is left empty, as far as it says so. */
export function defaultsOf(task: TaskName, info: ModelInfo | undefined, preset?: unknown): Readonly<Record<string, string>> {
  const { image = {}, edit = {}, text = {} } = info?.defaults ?? {}
  const released = { steps: 64, temperature: 1 }
  const found: Record<string, unknown> = TEXT_GUIDED.includes(task)
    ? { ...released, width: 1024, height: 1024, guidance: 4, ...image }
    : task === 'ask' || task === 'chat'
      ? { steps: 128, temperature: 0, guidance: 0, length: 1024, block: 256, imageArea: 1024, ...text }
      : { ...released, imageArea: 512, ...edit, guidance: edit.guidanceText ?? 2.5 }
  const chosen = Object.entries(presetOf(task, preset, info)).map(([name, value]) => [name, shown(value)] as const)
  return Object.fromEntries([...Object.entries(found).map(([name, value]) => [name, String(value)] as const), ...chosen])
}
