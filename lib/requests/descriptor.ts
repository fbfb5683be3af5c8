// What a task is, as data. Everything that names tasks or fields elsewhere (checks, types, flags, help, schemas, reference) reads this.
import type { GroupField } from '../fields/field.js'
import type { TaskName } from './names.js'

export interface TaskDescriptor extends Required<Pick<GroupField, 'fields' | 'required'>> {
  readonly name: TaskName
  /** The request as a TypeScript interface. */
  readonly type: string
  /** One sentence. */
  readonly summary: string
  readonly result: 'image' | 'text'
  /** What else a caller should know, for the reference. */
  readonly remarks?: string
  /** The field that the command takes as its argument, and how its help calls it. */
  readonly argument?: { readonly field: string; readonly words: string; readonly optional?: boolean }
  /** A call, for the reference; a `model` and pictures named `image` are there. */
  readonly example: string
  /** Command lines. */
  readonly commands: readonly string[]
}
