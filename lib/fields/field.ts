// What a field may hold, as plain data. From one description come its check, its flag and help, its TypeScript type, its JSON Schema, its
// zod schema and its line in the API reference; none of them knows any single field by name.

export type { Json } from '../base/json.js'
import type { Json } from '../base/json.js'

/** What is taken where a field is left out. */
export type Default =
  | { readonly value: Json }
  /** The checkpoint's own (`info.defaults`), by its path there; else this. */
  | { readonly checkpoint: string; readonly else: Json }
  /** Not a fixed value: said in words. */
  | { readonly words: string }

/** How the command line says it, where that does not follow from the kind. */
export interface Flag {
  /** How `--help` calls the value, e.g. "n|native". */
  readonly value?: string
  /** What the flag stands for when nothing follows it (`--cache`); without `value` nothing can (`--composite`). */
  readonly bare?: Json
  /** Further names of the same flag. */
  readonly also?: readonly string[]
  /** The text of `--help`, where the summary is about the API. */
  readonly help?: string
  /** 'none': no flag of its own (both sides of a picture are `--size`). */
  readonly form?: 'none' | 'WxH' | 'pairs' | 'bytes'
}

interface Described {
  /** One sentence. */
  readonly summary: string
  readonly unit?: string
  readonly default?: Default
  readonly flag?: Flag
  /** The rule in words, where the kind's own would not say it best; "steps must be {rule}". */
  readonly rule?: string
}

export interface IntegerField extends Described {
  readonly kind: 'integer'
  readonly min: number
  /** Absent: any. */
  readonly max?: number
  readonly multipleOf?: number
}

export interface NumberField extends Described {
  readonly kind: 'number'
  readonly min: number
  /** `min` itself is too little. */
  readonly over?: true
  readonly max: number
}

export interface BooleanField extends Described {
  readonly kind: 'boolean'
  /** The one value that it may have. */
  readonly only?: boolean
}

export interface TextField extends Described {
  readonly kind: 'text'
  /** Of UTF-8. */
  readonly maxBytes?: number
  /** Regular expression that all of it must match. */
  readonly pattern?: string
  /** In TypeScript, where a template says more than `string`. */
  readonly type?: string
}

export interface ChoiceField extends Described {
  readonly kind: 'choice'
  readonly values: readonly string[]
}

/** 64 bits: a number up to 2^53 - 1, a bigint, or decimal digits. */
export interface SeedField extends Described {
  readonly kind: 'seed'
}

/** Pixels, the bytes of a file, where they lie, or a result of ours. */
export interface PictureField extends Described {
  readonly kind: 'picture'
}

/** What of a picture is meant: a picture, rectangles, or cells by number. */
export interface RegionField extends Described {
  readonly kind: 'region'
}

/** How many cells stay masked after each step. */
export interface ScheduleField extends Described {
  readonly kind: 'schedule'
}

/** Typed arrays; arrays of numbers (bytes: base64) where they travel as JSON. */
export interface ArrayField extends Described {
  readonly kind: 'bytes' | 'i32' | 'u32' | 'f32'
}

export interface ListField extends Described {
  readonly kind: 'list'
  readonly of: Field
  readonly min?: number
  readonly max: number
  /** What an empty one is told, where it may not be: completes "... must be". */
  readonly empty?: string
}

export interface GroupField extends Described {
  readonly kind: 'group'
  readonly fields: Fields
  readonly required?: readonly string[]
  /** Its name as a TypeScript interface. */
  readonly type?: string
  /** What that interface is, where the summary is about this one use of it. */
  readonly about?: string
}

/** An object of any names. */
export interface RecordField extends Described {
  readonly kind: 'record'
  readonly of: Field
  /** Names at most. */
  readonly max: number
}

/** One of several. An object is meant for the group among them. */
export interface EitherField extends Described {
  readonly kind: 'either'
  readonly of: readonly Field[]
  /** The entry of the group among them that a value by itself stands for. */
  readonly short?: string
}

/** Values that live in one process: no flag, no schema. */
export interface LocalField extends Described {
  readonly kind: 'signal' | 'function' | 'logger' | 'any'
  /** In TypeScript, where the kind does not say it. */
  readonly type?: string
}

export type Field =
  | IntegerField
  | NumberField
  | BooleanField
  | TextField
  | ChoiceField
  | SeedField
  | PictureField
  | RegionField
  | ScheduleField
  | ArrayField
  | ListField
  | GroupField
  | RecordField
  | EitherField
  | LocalField

export type Fields = Readonly<Record<string, Field>>

/** Largest text in a request, in bytes of UTF-8. */
export const MAX_TEXT_BYTES = 256 * 1024

type Words<F extends Field> = Omit<F, 'kind'>

export const integer = (min: number, max: number | undefined, words: Omit<IntegerField, 'kind' | 'min' | 'max'>): IntegerField => ({
  kind: 'integer',
  min,
  ...(max !== undefined && { max }),
  ...words,
})
export const number = (min: number, max: number, words: Omit<NumberField, 'kind' | 'min' | 'max'>): NumberField => ({
  kind: 'number',
  min,
  max,
  ...words,
})
export const boolean = (words: Words<BooleanField>): BooleanField => ({ kind: 'boolean', ...words })
export const text = (words: Words<TextField>): TextField => ({ kind: 'text', ...words })
export const choice = (values: readonly string[], words: Omit<ChoiceField, 'kind' | 'values'>): ChoiceField => ({
  kind: 'choice',
  values,
  ...words,
})
export const seed = (words: Words<SeedField>): SeedField => ({ kind: 'seed', ...words })
export const picture = (words: Words<PictureField>): PictureField => ({ kind: 'picture', ...words })
export const region = (words: Words<RegionField>): RegionField => ({ kind: 'region', ...words })
export const list = (of: Field, words: Omit<ListField, 'kind' | 'of'>): ListField => ({ kind: 'list', of, ...words })
export const group = (fields: Fields, words: Omit<GroupField, 'kind' | 'fields'>): GroupField => ({ kind: 'group', fields, ...words })
export const either = (of: readonly Field[], words: Omit<EitherField, 'kind' | 'of'>): EitherField => ({ kind: 'either', of, ...words })
export const array = (kind: ArrayField['kind'], summary: string): ArrayField => ({ kind, summary })
export const local = (kind: LocalField['kind'], summary: string, type?: string): LocalField => ({
  kind,
  summary,
  ...(type !== undefined && { type }),
})

/** Whether a value of this field can leave its process. */
export function isLocal(field: Field): field is LocalField {
  return field.kind === 'signal' || field.kind === 'function' || field.kind === 'logger' || field.kind === 'any'
}

/** The default in words: "64", "the checkpoint's, else 64". */
export function defaultText(found: Default): string {
  if ('words' in found) return found.words
  if ('value' in found) return jsonText(found.value)
  return `the checkpoint's, else ${jsonText(found.else)}`
}

const jsonText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))
