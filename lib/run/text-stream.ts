// The text of a run as a stream of its own. Needs nothing of Node.
import type { TextRun } from './types.js'

/** The text of a run as it settles; after the last step what the result has beyond it. */
export function textStream(run: TextRun): ReadableStream<string> {
  const steps = run[Symbol.asyncIterator]()
  let length = 0
  return new ReadableStream<string>({
    pull: async (controller) => {
      for (;;) {
        const { done, value } = await steps.next()
        if (done) {
          const { text } = await run.result()
          if (text.length > length) controller.enqueue(text.slice(length))
          controller.close()
          return
        }
        if (value.delta === '') continue
        length += value.delta.length
        controller.enqueue(value.delta)
        return
      }
    },
    cancel: async (reason: unknown) => {
      run.abort(reason)
      await steps.return?.()
    },
  })
}
