// Lines of progress for a log: none in the first second, then at most one a second.

/** Passes on what is due; the rest is dropped. */
export function paced(write: (text: string) => void, everyMs = 1000): (text: string) => void {
  let last = performance.now()
  return (text) => {
    const now = performance.now()
    if (now - last < everyMs) return
    last = now
    write(text)
  }
}
