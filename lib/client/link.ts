// One run's thread to its server: begun there, followed as events, taken up where it broke; begun again elsewhere, from the same seed,
// where the server is gone or no longer knows it. Whoever follows sees nothing of all that.
import { DimooError, errorFromData, type ErrorData } from '../base/errors.js'
import type { RunState } from '../run/types.js'
import { SEQUENCE, type WireEvent } from '../wire/sequence.js'
import { runEvents } from './events.js'
import { Refusal, type Server } from './http.js'
import type { WireStep } from './steps.js'
import { isPassing, Patience, unavailable, type Servers } from './servers.js'
import { Silence, Watchdog } from './watch.js'

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
  /** The step of a wire message. Events that were forgotten before it are `missed`. Waited for. */
  step(step: WireStep, missed: number): Promise<void>
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
  /** Another run of this name, also of this client, is begun under other keys. */
  readonly #nonce = [...globalThis.crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(36)).join('')
  #key: string | undefined // that it was begun under
  #server: Server | undefined
  #sent = false // a server may have heard of it
  #isBegun = false // `#server` has it
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
    const begun = await this.#begun
    const server = this.#server ?? begun
    try {
      return await work(server, this.#place)
    } catch (error) {
      if (isAway(error) && server === this.#server) await this.#leave(server, error)
      throw error instanceof Refusal ? error.error : unavailableOr(error, this.#parts.servers)
    }
  }

  // What it tells would not come either. Not left to its reader, who may wait for this very answer.
  async #leave(server: Server, error: Error): Promise<void> {
    const other = await this.#elsewhere(server)
    if (this.#server !== server) return
    if (other) this.#server = other
    if (other || error instanceof Silence) this.#stream?.abort(error)
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
    if (!this.#sent) return
    // Also where the answer to its beginning never came.
    const asked = this.#isBegun ? [this.#server!] : this.#parts.servers.all
    for (const server of asked) void cancel(server, this.#place, this.#key, this.#isBegun ? [] : AGAIN_MS)
  }

  get #place(): string {
    return `/v1/runs/${encodeURIComponent(this.#parts.id)}`
  }

  async #live(): Promise<void> {
    const { servers, body, sink, id } = this.#parts
    const { signal } = this.#stop
    const ready = await body
    for (let lost = 0; ; lost++) {
      signal.throwIfAborted()
      this.#sent = true
      this.#isBegun = false
      const key = `${this.#nonce}.${lost}`
      if (ready) this.#key = key
      const begin = (server: Server): Promise<void> =>
        ready
          ? server.tell('/v1/runs', { method: 'POST', body: ready, headers: { 'idempotency-key': key }, signal })
          : server.tell(this.#place, { signal })
      const { server } = await servers.first(begin, signal)
      this.#server = server
      this.#isBegun = true
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
      const life = { heard: false }
      const alive = (): void => {
        life.heard = true
        patience.renew()
      }
      try {
        const end = await this.#read(server, stream, alive)
        if (end) return end
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof Refusal && (error.status === 404 || error.status === 410)) return 'lost'
        if (error instanceof Refusal && !isPassing(error)) throw error.error
        if (DimooError.is(error)) throw error
        cause = error
      }
      const found = this.#foundMeanwhile(server)
      if (found) {
        server = found
        continue
      }
      const isSilent = stream.signal.reason instanceof Silence
      if (stream.signal.aborted && !isSilent) continue // steps are wanted now
      if (isSilent && life.heard) patience.renew() // that it was silent for long is no reason not to ask again
      if (patience.over && servers.all.length > 1) return 'lost'
      const other = await this.#elsewhere(server)
      if (other) server = other
      else await patience.wait(signal, cause, [server])
    }
  }

  // Where somebody asked something of it, and got no answer.
  #foundMeanwhile(server: Server): Server | undefined {
    return this.#server === server ? undefined : this.#server
  }

  // Servers in front of one queue know each other's runs, and number their events alike.
  async #elsewhere(server: Server): Promise<Server | undefined> {
    const { signal } = this.#stop
    for (const other of this.#parts.servers.all) {
      if (other === server) continue
      try {
        await other.tell(this.#place, { signal: AbortSignal.any([signal, AbortSignal.timeout(ELSEWHERE_MS)]) })
        return other
      } catch {
        signal.throwIfAborted() // it does not know it, or does not answer either
      }
    }
    return undefined
  }

  async #read(server: Server, stream: AbortController, heard: () => void): Promise<'lost' | End | undefined> {
    const steps = this.#wanted
    const silence = new Watchdog(SILENCE_MS, stream)
    const alive = (): void => {
      silence.renew()
      heard()
    }
    try {
      const headers = { accept: SEQUENCE, ...(steps && { 'last-event-id': String(this.#last) }) }
      const response = await server.stream(`${this.#place}/events${steps ? '' : '?steps=false'}`, { headers, signal: stream.signal })
      let missed = 0
      for await (const event of runEvents(response, alive)) {
        silence.stop() // of a reader who takes his time
        const end = await this.#take(server, event, missed)
        alive()
        missed = event.event === 'gap' ? (event.data as { missed: number }).missed : 0
        if (end) return end
        if (steps && event.id !== undefined) this.#last = event.id
      }
      return undefined
    } finally {
      silence.stop()
    }
  }

  async #take(server: Server, { event, data }: WireEvent, missed: number): Promise<'lost' | End | undefined> {
    const { sink, servers } = this.#parts
    switch (event) {
      case 'step':
        await sink.step((data as { step: WireStep }).step, missed)
        return undefined
      case 'state':
        sink.state((data as { state: RunState }).state)
        return undefined
      case 'done': {
        const { result } = data as { result: object }
        const whole = 'text' in result ? result : await this.#result(server)
        return (to) => to.done(whole)
      }
      case 'error': {
        const { error } = data as { error: ErrorData }
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

// `key`: that the run was begun under. Of one that was begun under another nothing is ended.
async function cancel(server: Server, place: string, key: string | undefined, again: readonly number[]): Promise<void> {
  for (const ms of [0, ...again]) {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
    try {
      await server.tell(place, { method: 'DELETE', ...(key !== undefined && { headers: { 'if-match': `"${key}"` } }) })
      return
    } catch (error) {
      if (error instanceof Refusal && (error.status === 410 || error.status === 412)) return
      // it does not know it, or does not answer
    }
  }
}

// What `fetch` throws where there is no answer, and what we do.
const isAway = (error: unknown): error is Error => error instanceof TypeError || error instanceof Silence

function unavailableOr(error: unknown, servers: Servers): unknown {
  return isAway(error) ? unavailable(error, servers.all) : error
}
