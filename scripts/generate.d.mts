import type * as declaration from '../lib/fields/declaration.js'
import type { GroupField } from '../lib/fields/field.js'
import type { TaskDescriptor } from '../lib/requests/descriptor.js'

type Shape = Pick<GroupField, 'fields'> & { readonly type: string; readonly summary: string }

export interface Described {
  readonly descriptors: Readonly<Record<string, TaskDescriptor>>
  readonly runOptions: readonly Shape[]
  readonly modelOptions: readonly Shape[]
  readonly serverOptions: readonly Shape[]
}

/** Text by file. */
export function allTypes(of: Described, made: typeof declaration): Promise<Record<string, string>>
