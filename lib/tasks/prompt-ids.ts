// Prompts to ids: at once where they are short, which lets a run start without a pause.
import type { PromptIds } from '../prompt/layout.js'
import type { Prompts } from '../prompt/templates.js'
import type { TextCoder } from '../prompt/text.js'

export function promptIds({ conditional, unconditional }: Prompts, coder: TextCoder): PromptIds | Promise<PromptIds> {
  const [asked, without] = [coder.encode(conditional), coder.encode(unconditional)]
  if (!(asked instanceof Promise) && !(without instanceof Promise)) return { conditional: asked, unconditional: without }
  return Promise.all([asked, without]).then(([one, other]) => ({ conditional: one, unconditional: other }))
}

/** `value` mapped, at once where it is there already. */
export function flatMaybe<T, U>(value: T | Promise<T>, map: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(map) : map(value)
}
