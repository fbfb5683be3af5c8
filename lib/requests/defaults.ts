// Defaults where neither the request nor the checkpoint has any: those of the released scripts (docs/model.md#defaults).
import type { Defaults } from '../native/info.js'

export const IMAGE_DEFAULTS = { width: 1024, height: 1024, steps: 64, guidance: 4, temperature: 1 } as const
export const EDIT_DEFAULTS = { steps: 64, guidanceText: 2.5, guidanceImage: 4, temperature: 1, imageArea: 512 } as const
export const TEXT_DEFAULTS = { length: 1024, block: 256, steps: 128, guidance: 0, temperature: 0, imageArea: 1024 } as const
export const CACHE_DEFAULTS = { ratio: 0.9, warmup: 0.3, refresh: 5 } as const

/** What a model brings to a request. */
export interface ModelFacts {
  /** Pixels per cell side. */
  readonly scale: number
  readonly defaults: Defaults
  readonly compat?: 'none' | 'reference'
}

/** Without the entries that are undefined, which must not hide a default. */
export function defined<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never
}
