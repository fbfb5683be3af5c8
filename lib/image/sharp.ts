// sharp, loaded at first use: it is large, and `dimoo --version` or a run whose pixels stay raw never needs it.
import type Sharp from 'sharp'

let loaded: Promise<typeof Sharp> | undefined

export function sharp(): Promise<typeof Sharp> {
  return (loaded ??= load())
}

// Evaluating it holds the event loop for some 40 ms: in a turn of its own, so that nothing else waits behind it as well.
async function load(): Promise<typeof Sharp> {
  await new Promise((resolve) => setImmediate(resolve))
  const { default: found } = await import('sharp')
  await new Promise((resolve) => setImmediate(resolve))
  return found
}
