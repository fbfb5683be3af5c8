// How pictures are looked at, the same for all.
import { signal } from '@preact/signals'
import type { MaskedLook } from './paint.js'

/** What the pointer does on the stage. */
export type Hand = 'look' | 'mark' | 'pin'

export const maskedLook = signal<MaskedLook>('held')
export const showConfidence = signal(false)
export const showGrid = signal(false)
export const hand = signal<Hand>('look')
export const brush = signal(1)
/** The mask stands on the stage, where the task has one. */
export const showMask = signal(true)
/** How much of the original lies over a result, in percent; undefined: none. */
export const compare = signal<number | undefined>(undefined)
/** A run stands beside its forks. */
export const beside = signal(false)
