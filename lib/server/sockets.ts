// Connections at the end of a server: those that answer nothing are closed at once, also where nothing was ever asked on them, which Node
// would wait a minute for; the others once they have answered.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class Sockets {
  readonly #busy = new Map<Socket, number>()
  #closing = false

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#closing) socket.destroy()
      this.#busy.set(socket, 0)
      socket.on('close', () => this.#busy.delete(socket))
    })
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#count(socket, 1)
      response.on('close', () => this.#count(socket, -1))
    })
  }

  close(): void {
    this.#closing = true
    for (const [socket, count] of this.#busy) if (count === 0) socket.destroy()
  }

  #count(socket: Socket, change: 1 | -1): void {
    const count = (this.#busy.get(socket) ?? 0) + change
    if (!socket.destroyed) this.#busy.set(socket, count)
    if (this.#closing && count === 0) socket.end()
  }
}
