// A member's whole program: loads the model that the first frame names, serves it, and ends when whoever started it is gone.
import { Socket } from 'node:net'
import { isMainThread, parentPort } from 'node:worker_threads'
import { loadModel } from '../model/load.js'
import { portChannel, socketChannel, type Frame } from '../remote/channel.js'
import { errorMessage } from '../remote/frames.js'
import { serveRunner } from '../remote/serve.js'
import type { MemberLoad } from './options.js'
import { CHANNEL_FD } from './spawn.js'

/** How often a member says that it is there, in milliseconds. */
const ALIVE_EVERY_MS = 1000

// Ctrl-C goes to all processes of a terminal; who started this one ends it in its own time.
if (isMainThread) for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const channel = isMainThread ? socketChannel(new Socket({ fd: CHANNEL_FD, readable: true, writable: true })) : portChannel(parentPort!)
const leave = (): void => process.exit(0)

async function begin({ source, options, snapshotEvery }: Frame & MemberLoad & { readonly snapshotEvery: number }): Promise<void> {
  try {
    const model = await loadModel(source, options)
    serveRunner(model, channel, { snapshotEveryMs: snapshotEvery, left: leave })
    channel.send({ kind: 'ready', info: await model.info() })
  } catch (error) {
    channel.send({ kind: 'failed', message: errorMessage(error) })
  }
}

channel.listen({ frame: (frame) => void begin(frame as Parameters<typeof begin>[0]), closed: leave })
setInterval(() => channel.send({ kind: 'alive' }), ALIVE_EVERY_MS).unref()
