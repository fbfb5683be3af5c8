// sharp, loaded at first use: it is large, and `dimoo --version` or a run whose pixels stay raw never needs it.
import { createRequire } from 'node:module'
import type Sharp from 'sharp'
import { moduleUrl } from '../base/package-root.js'

let loaded: Promise<typeof Sharp> | undefined

export function sharp(): Promise<typeof Sharp> {
  return (loaded ??= load())
}

/** What sharp itself loads: two thirds of the 30 to 45 ms for which evaluating it would hold the event loop. */
const PARTS = ['semver', '@img/colour', 'detect-libc', 'node:crypto']

async function load(): Promise<typeof Sharp> {
  for (const part of PARTS) {
    await turn()
    ahead(part)
  }
  await turn()
  const { default: found } = await import('sharp')
  await turn()
  return found
}

const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))

// So that each has a turn of the event loop for itself. Another version of sharp, or a bundle, may not have it, and loads as it does.
function ahead(part: string): void {
  try {
    createRequire(createRequire(moduleUrl).resolve('sharp'))(part)
  } catch {
    return
  }
}
