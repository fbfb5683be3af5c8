// Steps that are ready follow each other without a pause; here the event loop gets its turn, whichever run they belong to. Whoever
// had to wait looks again: all who waited share the next turn too.

const LONGEST_TURN_MS = 4
let turnStarted = 0

export async function breathe(): Promise<void> {
  while (turnStarted !== 0 && performance.now() - turnStarted > LONGEST_TURN_MS) await new Promise((resolve) => setImmediate(resolve))
  if (turnStarted !== 0) return
  turnStarted = performance.now()
  setImmediate(() => (turnStarted = 0)).unref()
}
