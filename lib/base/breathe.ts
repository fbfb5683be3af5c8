// Steps that are ready follow each other without a pause; here the event loop gets its turn, whichever run they belong to.

const LONGEST_TURN_MS = 4
let turnStarted = 0

export async function breathe(): Promise<void> {
  if (turnStarted === 0) {
    turnStarted = performance.now()
    setImmediate(() => (turnStarted = 0)).unref()
  } else if (performance.now() - turnStarted > LONGEST_TURN_MS) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
