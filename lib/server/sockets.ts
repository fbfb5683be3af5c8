// Connections and the answers on them. At the end of a server those that answer nothing are closed at once, also where nothing was ever asked
// on them, which Node would wait a minute for; the others once they have answered. Where a connection goes, every answer that waits on it for
// an earlier one (pipelined requests) hears of it, as Node tells only the one that is being written.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class Sockets {
  readonly #answers = new Map<Socket, Set<ServerResponse>>()
  #closing = false

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#closing) socket.destroy()
      const answers = new Set<ServerResponse>()
      this.#answers.set(socket, answers)
      socket.on('close', () => {
        this.#answers.delete(socket)
        for (const answer of answers) if (answer.socket === null && !answer.writableFinished) lose(answer)
      })
    })
    server.prependListener('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
      const answers = this.#answers.get(socket)
      answers?.add(answer)
      answer.on('close', () => {
        answers?.delete(answer)
        if (this.#closing && answers?.size === 0) socket.end()
      })
    })
  }

  close(): void {
    this.#closing = true
    for (const [socket, answers] of this.#answers) if (answers.size === 0) socket.destroy()
  }
}

// As Node does for the answer that has the connection.
function lose(answer: ServerResponse): void {
  answer.destroy()
  answer.emit('close')
}
