// sharp, loaded at first use: it is large, and `dimoo --version` or a run whose pixels stay raw never needs it.
import type Sharp from 'sharp'

let loaded: Promise<typeof Sharp> | undefined

export function sharp(): Promise<typeof Sharp> {
  return (loaded ??= import('sharp').then((module) => module.default))
}
