// Large answers on their way: a client that takes nothing is cut off, as on a stream, and all of them together stay within a budget. What can
// be asked for again is refused beyond it; what a run was decoded for is not.
import type { App } from './instance.js'
import type { House } from './house.js'

const LARGE_BYTES = 2 ** 20
const AGAIN_MS = 1000

export function boundAnswers(app: App, { downloads, settings }: House): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const bytes = sizeOf(payload)
    if (bytes < LARGE_BYTES || reply.raw.destroyed) return
    const { raw } = reply
    // One that is larger than all of it may go alone.
    const isFree = request.routeOptions.config.makesRuns === true || downloads.taken === 0
    const giveBack = isFree ? downloads.count(bytes) : downloads.take(bytes, () => AGAIN_MS)
    raw.once('close', giveBack)
    raw.setTimeout(settings.stallMs) // without a listener the socket is closed; bytes that move count
  })
}

function sizeOf(payload: unknown): number {
  if (typeof payload === 'string') return payload.length
  return payload instanceof Uint8Array ? payload.byteLength : 0
}
