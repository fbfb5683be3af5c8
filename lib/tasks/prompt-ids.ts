// Prompts to ids: at once where they are short, which lets a run start without a pause.
import type { PromptIds } from '../prompt/layout.js'
import { said, type PromptText } from '../prompt/prompt-text.js'
import type { Prompts } from '../prompt/templates.js'
import type { TaskModel } from './engine-request.js'

/** The caller's text as the request and the model's `compat` want it read: as text, or with its added tokens. */
export function callerText(text: string, { specialTokens }: { readonly specialTokens: boolean }, { info }: TaskModel): PromptText {
  return said(text, specialTokens || info.compat === 'reference')
}

export function promptIds(
  { conditional, unconditional }: Prompts,
  { coder }: TaskModel,
  signal: AbortSignal,
): PromptIds | Promise<PromptIds> {
  const [asked, without] = [coder().encode(conditional, signal), coder().encode(unconditional, signal)]
  if (!(asked instanceof Promise) && !(without instanceof Promise)) return { conditional: asked, unconditional: without }
  return Promise.all([asked, without]).then(([one, other]) => ({ conditional: one, unconditional: other }))
}

/** `value` mapped, at once where it is there already. */
export function flatMaybe<T, U>(value: T | Promise<T>, map: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(map) : map(value)
}
