// What tests of pools and queues share: a result's bits, waiting for what comes true, a failure as a value, a logger that says nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ImageResult, TextResult } from '../lib/index.js'

export const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** What must be the same whoever decodes. */
export const essence = (result: ImageResult | TextResult): unknown =>
  'images' in result
    ? result.images.map(({ tokens, image, seed }) => ({ tokens, data: Buffer.from(image.data).toString('hex'), seed }))
    : result.text

export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => error,
  )

/** Waits for what comes true, at most `ms`; throws then. */
export const waitingAtMost =
  (ms: number) =>
  async (holds: () => boolean | Promise<boolean>, most = ms): Promise<void> => {
    const end = Date.now() + most
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`expected ${holds.toString()} within ${most} ms`)
      await sleep(20)
    }
  }
