// Streams of events, written thinly: one event, one write; a slow client is waited for, a silent one is cut off; idle streams get a sign
// of life from one timer for all of them. As server-sent events (JSON on one line each, so that no text in it can end an event), or as a
// sequence of CBOR for programs (docs/wire.md).
import type { FastifyReply } from 'fastify'
import type { ServerResponse } from 'node:http'
import { ALIVE, SEQUENCE } from '../wire/sequence.js'

export interface StreamLimits {
  readonly heartbeatMs: number
  /** How long a client may take nothing. */
  readonly stallMs: number
}

/** What a stream is made of. */
export interface StreamForm {
  readonly type: string
  /** A sign of life. */
  readonly beat: string | Uint8Array
}

export const SSE: StreamForm = { type: 'text/event-stream; charset=utf-8', beat: ': \n\n' }
export const CBOR: StreamForm = { type: SEQUENCE, beat: ALIVE }

export interface SentEvent {
  readonly id?: number | undefined
  readonly event?: string
  /** JSON text, without line breaks. */
  readonly data: string
}

export class Streams {
  readonly #limits: StreamLimits
  readonly #open = new Set<EventStream>()
  readonly #timer: NodeJS.Timeout

  constructor(limits: StreamLimits) {
    this.#limits = limits
    this.#timer = setInterval(() => this.#beat(), limits.heartbeatMs).unref()
  }

  get open(): number {
    return this.#open.size
  }

  /** Takes over the reply. Headers that hooks have set go along. */
  start(reply: FastifyReply, form = SSE): EventStream {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': form.type,
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    raw.flushHeaders()
    const stream = new EventStream(raw, form, this.#limits.stallMs)
    if (stream.signal.aborted) return stream
    this.#open.add(stream)
    stream.signal.addEventListener('abort', () => this.#open.delete(stream), { once: true })
    return stream
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    for (const stream of this.#open) stream.beat()
  }
}

export class EventStream {
  readonly #raw: ServerResponse
  readonly #form: StreamForm
  readonly #stallMs: number
  readonly #gone = new AbortController()
  #written = false

  constructor(raw: ServerResponse, form: StreamForm, stallMs: number) {
    this.#raw = raw
    this.#form = form
    this.#stallMs = stallMs
    // Without a listener of its own a write to a socket that is gone would end the process.
    raw.on('error', () => this.#gone.abort())
    raw.on('close', () => this.#gone.abort())
    if (raw.destroyed) this.#gone.abort() // it left before, and is not told again
  }

  /** Aborted once the client has gone, or the stream has ended. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** Resolves when there is room for the next one; rejects never: a stream whose client has gone takes everything and sends nothing. */
  async send({ id, event, data }: SentEvent): Promise<void> {
    const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`
    await this.#write(`${head}data: ${data}\n\n`)
  }

  /** An item of a sequence of CBOR. */
  async sendItem(item: Uint8Array): Promise<void> {
    await this.#write(item)
  }

  async #write(bytes: string | Uint8Array): Promise<void> {
    if (this.signal.aborted) return
    this.#written = true
    if (!this.#raw.write(bytes)) await this.#drained()
  }

  end(): void {
    if (!this.signal.aborted) this.#raw.end()
  }

  /** A sign of life, where nothing was sent since the last one. */
  beat(): void {
    if (!this.#written && !this.#raw.writableNeedDrain) this.#raw.write(this.#form.beat)
    this.#written = false
  }

  // One that still waits for an earlier answer on its connection is not told that it was closed.
  #cut(): void {
    this.#raw.destroy()
    this.#gone.abort()
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#raw.off('drain', done)
        this.signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(() => this.#cut(), this.#stallMs).unref()
      this.#raw.once('drain', done)
      this.signal.addEventListener('abort', done, { once: true })
    })
  }
}
