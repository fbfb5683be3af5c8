// An async iterator over a pull function: calls of next() that overlap are answered in order, after an error or the end it stays
// done, and leaving early says so once.

/** `pull` gives the next value, undefined at the end. `left` is told when the reader has gone, by any way. */
export function iterate<T>(pull: () => Promise<T | undefined>, left: (early: boolean) => void): AsyncIterator<T, void, undefined> {
  let open = true
  let last: Promise<unknown> = Promise.resolve()
  const leave = (early: boolean): void => {
    if (open) left(early)
    open = false
  }
  const next = async (): Promise<IteratorResult<T, void>> => {
    if (!open) return { done: true, value: undefined }
    try {
      const value = await pull()
      if (value !== undefined) return { done: false, value }
    } catch (error) {
      leave(false)
      throw error
    }
    leave(false)
    return { done: true, value: undefined }
  }
  return {
    next: () => {
      const result = last.then(next)
      last = result.catch(() => undefined)
      return result
    },
    return: () => {
      leave(true)
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}

/** The same as a web stream; `cancelled` is told before the iterator is left. */
export function toStream<T>(iterator: AsyncIterator<T, void, undefined>, cancelled: (reason: unknown) => void): ReadableStream<T> {
  return new ReadableStream<T>({
    pull: async (controller) => {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: async (reason: unknown) => {
      cancelled(reason)
      await iterator.return?.()
    },
  })
}
