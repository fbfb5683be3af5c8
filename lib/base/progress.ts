// How far long work is.

/** How far a job is: `fraction` is 0 to 1, bytes where the phase counts bytes. */
export interface Progress {
  readonly phase: string
  readonly loadedBytes: number
  readonly totalBytes: number
  readonly fraction: number
}
