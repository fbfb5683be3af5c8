// Requests that are answered before their body has come, as one that is too large: the rest is read and dropped for a while, so that the
// client gets to the answer. A connection that is closed under what it writes has lost it, and its client takes the server for broken.
import type { IncomingMessage } from 'node:http'
import type { App } from './instance.js'
import type { House } from './house.js'

const LINGER_MS = 30_000
const LOOK_MS = 100
/** How much more may come, in largest bodies. */
const MOST_BODIES = 4
/** What comes with its head, or is on its way to a buffer that takes it. */
const AT_ONCE_BYTES = 65_536

export function lingerOn(app: App, { admission, settings }: House): void {
  const most = MOST_BODIES * settings.maxBodyBytes
  app.addHook('onSend', async ({ raw: request }, reply) => {
    const { 'content-length': length = Infinity } = request.headers
    // Who keeps a connection would send the next request into one that is about to close.
    if (admission.draining && (request.complete || Number(length) <= AT_ONCE_BYTES)) void reply.header('connection', 'close')
    else if (!request.complete) {
      void reply.removeHeader('connection') // Node drops what comes then
      if (Number(length) > AT_ONCE_BYTES) bound(request)
    }
  })

  function bound(request: IncomingMessage): void {
    const { socket } = request
    const [until, end] = [performance.now() + LINGER_MS, socket.bytesRead + most]
    const look = setInterval(() => {
      if (performance.now() > until || socket.bytesRead > end) socket.destroy()
    }, LOOK_MS).unref()
    request.once('close', () => clearInterval(look))
  }
}
