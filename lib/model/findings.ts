// What a look at a checkpoint finds, and who is told.

/**
 * What a finding is of: the files of the folder, their hashes, names and shapes of tensors, values of weights, the tokenizer, or whether it is
 * the released checkpoint.
 */
export type VerifyCheck = 'files' | 'hashes' | 'layout' | 'weights' | 'tokenizer' | 'released'

/** One sentence of `verifyModel`: what was expected and what was found. */
export interface VerifyFinding {
  /** A fault keeps the model from working as it should; a note does not. */
  readonly level: 'fault' | 'note'
  readonly check: VerifyCheck
  readonly message: string
}

export type Note = (level: VerifyFinding['level'], check: VerifyCheck, message: string) => void
