// One run's thread to its server: begun there, followed as events, taken up where it broke; begun again elsewhere, from the same seed,
// where the server is gone or no longer knows it. Whoever follows sees nothing of all that.
import { DimooError, errorFromData, type ErrorData } from '../base/errors.js'
import type { RunState } from '../run/types.js'
import { Refusal, type Server } from './http.js'
import { isPassing, Patience, unavailable, type Servers } from './servers.js'
import { readEvents, type ServerEvent } from './sse.js'

/** A stream on which nothing comes for so long, not even a sign of life, is dead. */
const SILENCE_MS = 45_000
/** How long another server may think about whether it knows a run. */
const ELSEWHERE_MS = 5000
/** When a server is asked again to end a run that it did not know: it may still have been reading it. */
const AGAIN_MS = [300, 1000, 3000]
/** How often a run is begun again before its servers are given up. */
const MAX_LOST = 5

export interface LinkParts {
  readonly id: string
  readonly servers: Servers
  /** The body of `POST /v1/runs`, once it is ready; undefined for a run that goes on there already, which is only followed. */
  readonly body: Promise<object> | undefined
  readonly sink: Sink
}

/** Who follows. */
export interface Sink {
  /** `json` is the step of a wire message. Events that were forgotten before it are `missed`. Waited for. */
  step(json: object, missed: number): Promise<void>
  state(state: RunState): void
  /** A result in a wire message, or its JSON form where it is a text. */
  done(result: object): void
  failed(error: unknown): void
}

/** How it ended, to be told. */
type End = (sink: Sink) => void

export class Link {
  readonly #parts: LinkParts
  readonly #stop = new AbortController()
  #server: Server | undefined
  #sent = false // a server may have heard of it
  readonly #begun: Promise<Server>
  #begin: (server: Server) => void = () => undefined
  #refuse: (error: unknown) => void = () => undefined
  #stream: AbortController | undefined
  #wanted = false // somebody reads steps
  #last = 0
  #faithful = true // the same request would end in the same bits

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.#begun = new Promise((resolve, reject) => {
      this.#begin = resolve
      this.#refuse = reject
    })
    this.#begun.catch(() => undefined)
    this.#live().catch((error: unknown) => {
      this.#refuse(error)
      parts.sink.failed(error)
    })
  }

  /** Steps are wanted from now on, all of them. */
  want(): void {
    if (this.#wanted) return
    this.#wanted = true
    this.#stream?.abort()
  }

  /** Asks the run's server, once it has begun. `path` follows the run's address. */
  async ask<T>(work: (server: Server, place: string) => Promise<T>): Promise<T> {
    const server = await this.#begun
    try {
      return await work(this.#server ?? server, this.#place)
    } catch (error) {
      throw error instanceof Refusal ? error.error : unavailableOr(error, this.#parts.servers)
    }
  }

  /** The same request no longer ends in the same bits: cells were masked again. */
  changed(): void {
    this.#faithful = false
  }

  /** Nobody wants the run any more. */
  stop(reason: unknown): void {
    this.#stop.abort(reason)
    this.#stream?.abort()
    this.#refuse(reason)
    const place = this.#place
    // Also where the answer to its beginning never came.
    const asked = this.#server ? [this.#server] : this.#parts.servers.all
    for (const server of asked) void cancel(server, place, this.#server || !this.#sent ? [] : AGAIN_MS)
  }

  get #place(): string {
    return `/v1/runs/${encodeURIComponent(this.#parts.id)}`
  }

  async #live(): Promise<void> {
    const { servers, body, sink, id } = this.#parts
    const { signal } = this.#stop
    const ready = await body
    for (let lost = 0; ; lost++) {
      this.#sent = true
      const begin = (server: Server): Promise<Response> =>
        ready
          ? server.ask('/v1/runs', { method: 'POST', body: ready, headers: { 'idempotency-key': `${id}.${lost}` }, signal })
          : server.ask(this.#place, { signal })
      const { server } = await servers.first(begin, signal)
      this.#begin(server)
      this.#last = 0
      const end = await this.#follow(server)
      if (end !== 'lost') {
        end(sink)
        return
      }
      if (!ready) throw new DimooError('request/invalid', `run ${id}: the server no longer knows it`)
      if (!this.#faithful)
        throw new DimooError('device/lost', `run ${id}: its server is gone, and cells were masked again that another one would not know`)
      if (lost >= MAX_LOST) throw new DimooError('server/unavailable', `run ${id}: begun ${lost + 1} times, and lost each time`)
    }
  }

  // To the end of the run, over as many streams as it takes.
  async #follow(first: Server): Promise<'lost' | End> {
    const { servers } = this.#parts
    const { signal } = this.#stop
    const patience = new Patience(servers.patienceMs)
    for (let server = first; ;) {
      this.#server = server
      const stream = (this.#stream = new AbortController())
      let cause: unknown = new Error('its stream ended early')
      try {
        const end = await this.#read(server, stream, patience)
        if (end) return end
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof Refusal && (error.status === 404 || error.status === 410)) return 'lost'
        if (error instanceof Refusal && !isPassing(error)) throw error.error
        if (DimooError.is(error)) throw error
        cause = error
      }
      if (stream.signal.aborted && !patience.over) continue // steps are wanted now, or the stream was silent
      if (patience.over && servers.all.length > 1) return 'lost'
      const other = await this.#elsewhere(server)
      if (other) server = other
      else await patience.wait(signal, cause, [server])
    }
  }

  // Servers in front of one queue know each other's runs, and number their events alike.
  async #elsewhere(server: Server): Promise<Server | undefined> {
    const { signal } = this.#stop
    for (const other of this.#parts.servers.all) {
      if (other === server) continue
      try {
        await other.ask(this.#place, { signal: AbortSignal.any([signal, AbortSignal.timeout(ELSEWHERE_MS)]) })
        return other
      } catch {
        signal.throwIfAborted() // it does not know it, or does not answer either
      }
    }
    return undefined
  }

  async #read(server: Server, stream: AbortController, patience: Patience): Promise<'lost' | End | undefined> {
    const steps = this.#wanted
    const silence = new Watchdog(SILENCE_MS, stream)
    const alive = (): void => {
      silence.renew()
      patience.renew()
    }
    try {
      const headers = { accept: 'text/event-stream', ...(steps && { 'last-event-id': String(this.#last) }) }
      const response = await server.ask(`${this.#place}/events${steps ? '' : '?steps=false'}`, { headers, signal: stream.signal })
      let missed = 0
      for await (const event of readEvents(response.body!, alive)) {
        const end = await this.#take(server, event, missed)
        missed = event.event === 'gap' ? (JSON.parse(event.data) as { missed: number }).missed : 0
        if (end) return end
        if (steps && event.id !== undefined) this.#last = Number(event.id)
      }
      return undefined
    } finally {
      silence.stop()
    }
  }

  async #take(server: Server, { event, data }: ServerEvent, missed: number): Promise<'lost' | End | undefined> {
    const { sink, servers } = this.#parts
    switch (event) {
      case 'step':
        await sink.step((JSON.parse(data) as { step: object }).step, missed)
        return undefined
      case 'state':
        sink.state((JSON.parse(data) as { state: RunState }).state)
        return undefined
      case 'done': {
        const { result } = JSON.parse(data) as { result: object }
        const whole = 'text' in result ? result : await this.#result(server)
        return (to) => to.done(whole)
      }
      case 'error': {
        const { error } = JSON.parse(data) as { error: ErrorData }
        if (error.code === 'server/unavailable' && servers.all.length > 1) {
          if (this.#faithful) return 'lost'
          if (await this.#elsewhere(server)) return undefined // it is kept, and goes on there with what was masked again
        }
        return (to) => to.failed(errorFromData(error))
      }
      default:
        return undefined
    }
  }

  async #result(server: Server): Promise<object> {
    const { result } = (await server.cbor(this.#place, { signal: this.#stop.signal })) as { result: object }
    return result
  }
}

async function cancel(server: Server, place: string, again: readonly number[]): Promise<void> {
  for (const ms of [0, ...again]) {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
    try {
      await server.ask(place, { method: 'DELETE' })
      return
    } catch {
      // it does not know it, or does not answer
    }
  }
}

function unavailableOr(error: unknown, servers: Servers): unknown {
  return error instanceof TypeError ? unavailable(error, servers.all) : error
}

/** Ends a stream on which nothing comes. */
class Watchdog {
  readonly #ms: number
  readonly #stream: AbortController
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number, stream: AbortController) {
    this.#ms = ms
    this.#stream = stream
    this.renew()
  }

  renew(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#stream.abort(), this.#ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
