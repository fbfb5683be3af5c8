// What every decoding step says, whatever is decoded.

export interface StepBase {
  /** The step that was just done, from 0; `steps` is how many there are. */
  readonly step: number
  readonly steps: number
  /** Steps merged into this one because the reader was slow (0: none). */
  readonly skipped: number
  /** Cells or tokens that are still masked. */
  readonly masked: number
  /** Milliseconds since the run started. */
  readonly elapsedMs: number
  /** How this step was computed. */
  readonly pass: 'full' | 'cached' | 'text'
  /** Rows computed for this picture or answer in this pass. */
  readonly rows: number
}
