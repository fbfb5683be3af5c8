// The token sequences around the picture: one prefix per branch, one suffix for all (golden README section 5). The grid with
// its row ends is laid out by the core. A branch's sequence: prompt, <answer>, <IMAGE>, grid, </IMAGE>, </answer>.
import type { TextCoder } from './text.js'
import { textToImagePrompt, unconditionalPrompt } from './templates.js'

/** Ids of the tokens with a role, from the model's files. */
export interface TokenRoles {
  readonly mask: number
  readonly row_end: number
  readonly padding: number
  readonly end_of_text: number
  readonly image_begin: number
  readonly image_end: number
  readonly uncondition: number
  readonly answer_begin: number
  readonly answer_end: number
}

export interface Branches {
  /** The conditional prefix, then the unconditional one unless guidance is 0. */
  readonly prefixes: readonly Int32Array[]
  /** One weight per unconditional prefix. */
  readonly guidance: readonly number[]
  readonly suffix: Int32Array
  /** Tokens of the prompt's string, template included. */
  readonly promptTokens: number
}

/** Branches of a text-to-image run; at once where the prompt is short. */
export function textToImageBranches(prompt: string, guidance: number, coder: TextCoder, tokens: TokenRoles): Branches | Promise<Branches> {
  const lay = (ids: Int32Array): Int32Array => Int32Array.from([...ids, tokens.answer_begin, tokens.image_begin])
  const build = (conditional: Int32Array, unconditional: Int32Array): Branches => ({
    prefixes: guidance > 0 ? [lay(conditional), lay(unconditional)] : [lay(conditional)],
    guidance: guidance > 0 ? [guidance] : [],
    suffix: Int32Array.of(tokens.image_end, tokens.answer_end),
    promptTokens: conditional.length,
  })
  const conditional = coder.encode(textToImagePrompt(prompt))
  const unconditional = coder.encode(unconditionalPrompt()) as Int32Array // shorter than any limit
  return conditional instanceof Promise ? conditional.then((ids) => build(ids, unconditional)) : build(conditional, unconditional)
}
