// Where a run can be.
import type { RunState } from './types.js'

/** Whatever the way. */
export const isOver = (state: RunState): boolean => state === 'done' || state === 'failed' || state === 'aborted'
