import type * as declaration from '../lib/fields/declaration.js'
import type { GroupField } from '../lib/fields/field.js'
import type { TaskDescriptor } from '../lib/requests/descriptor.js'

export const TYPES: string
export function typesOf(
  descriptors: Readonly<Record<string, TaskDescriptor>>,
  options: readonly (Pick<GroupField, 'fields'> & { readonly type: string; readonly summary: string })[],
  made: typeof declaration,
): Promise<string>
