// What a look at a checkpoint finds, and who is told.

export type Check = 'files' | 'hashes' | 'layout' | 'weights' | 'tokenizer' | 'released'

export interface Finding {
  /** A fault keeps the model from working as it should; a note does not. */
  readonly level: 'fault' | 'note'
  readonly check: Check
  readonly message: string
}

export type Note = (level: Finding['level'], check: Check, message: string) => void
