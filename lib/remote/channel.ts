// Frames both ways between two processes or threads: plain data, whole and in order. Over a socket a frame is its length (u32, little-endian)
// and CBOR; a thread's port clones it. Both ends are ours: what does not parse ends the channel.
import type { Duplex } from 'node:stream'
import type { MessagePort, Worker } from 'node:worker_threads'
import { decodeCbor, encodeCbor, type Limits } from '../wire/cbor.js'

/** A message of lib/wire rides along as bytes, under `message`. */
export interface Frame {
  readonly kind: string
  readonly run?: number
  readonly call?: number
  readonly message?: Uint8Array
  readonly [name: string]: unknown
}

export interface Listener {
  frame(frame: Frame): void
  /** Once; nothing comes after it. */
  closed(): void
}

export interface Channel {
  /** Nothing once it is closed. */
  send(frame: Frame): void
  /** Who is told from now on; frames that came before the first one are told too. */
  listen(listener: Listener): void
  close(): void
}

/** Results of many pictures are larger than what a stranger may send. */
const OWN: Limits = { maxBytes: 2 ** 31, maxDepth: 16, maxItems: 1 << 20 }
const HEAD_BYTES = 4

/** Over a socket or a pipe to another process. */
export function socketChannel(socket: Duplex): Channel {
  let open = true
  let listener: Listener | undefined
  const parts = new Gatherer()
  const end = (): void => {
    if (!open) return
    open = false
    socket.destroy()
    listener?.closed()
  }
  const read = (chunk: Uint8Array): void => {
    try {
      for (const bytes of parts.take(chunk)) if (open) listener!.frame(decodeCbor(bytes, OWN, 'frame') as Frame)
    } catch (error) {
      end()
      throw error
    }
  }
  socket.on('error', end) // the other side has gone: 'close' says the same
  socket.on('close', end)
  socket.on('end', end)
  return {
    send: (frame) => {
      if (!open) return
      const bytes = encodeCbor(frame)
      const head = Buffer.alloc(HEAD_BYTES)
      head.writeUInt32LE(bytes.length)
      socket.cork()
      socket.write(head)
      socket.write(bytes)
      socket.uncork()
    },
    listen: (given) => {
      if (!listener) socket.on('data', read)
      listener = given
    },
    close: end,
  }
}

/** Pieces of a stream back into what was sent. */
class Gatherer {
  #chunks: Uint8Array[] = []
  #bytes = 0

  /** The frames that are whole with this piece. */
  public *take(chunk: Uint8Array): Generator<Uint8Array> {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes >= HEAD_BYTES) {
      // A large frame comes in many pieces: they are joined once all of it is there.
      if (this.#chunks[0]!.length < HEAD_BYTES) this.#join()
      const first = this.#chunks[0]!
      const length = new DataView(first.buffer, first.byteOffset).getUint32(0, true)
      if (this.#bytes < HEAD_BYTES + length) return
      if (first.length < HEAD_BYTES + length) this.#join()
      const whole = this.#chunks[0]!
      yield whole.subarray(HEAD_BYTES, HEAD_BYTES + length)
      this.#bytes -= HEAD_BYTES + length
      const rest = whole.subarray(HEAD_BYTES + length)
      if (rest.length > 0) this.#chunks[0] = rest
      else this.#chunks.shift()
    }
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)]
  }
}

/** Over a worker thread's port; `other` tells when the thread has ended. */
export function portChannel(port: MessagePort | Worker): Channel {
  let open = true
  let listener: Listener | undefined
  const end = (): void => {
    if (!open) return
    open = false
    if ('close' in port) port.close()
    listener?.closed()
  }
  return {
    send: (frame) => {
      if (open) port.postMessage(frame)
    },
    listen: (given) => {
      const first = !listener
      listener = given
      if (!first) return
      port.on('message', (frame: Frame) => {
        if (open) listener!.frame(frame)
      })
      port.on('close', end)
      port.on('exit', end)
    },
    close: end,
  }
}
