// A server, or several, as a `Runner`: the same calls as a local model's, with the same results. Runs in browsers too.
import { DimooError, invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import type { JsonSchema } from '../fields/json-schema.js'
import { quote, show } from '../base/show.js'
import type { ModelInfo } from '../native/info.js'
import { isTask, isTextTask, TASKS, type TaskName } from '../requests/names.js'
import type { ResumeOptions, RunOptions, TaskRequests } from '../requests/types/index.js'
import type { ImageStep } from '../run/steps.js'
import type { AnyRun, RunState } from '../run/types.js'
import { RunnerBase, type CloseOptions, type RunOf, type SchedulerStats } from '../runner/runner.js'
import { Server } from './http.js'
import { captureRequest, prepareRequest } from './prepare.js'
import { RemoteImageRun, RemoteTextRun, type RemoteParts } from './run.js'
import { addressesOf, Servers } from './servers.js'
import { taskOfSnapshot } from './snapshot.js'

export interface ConnectOptions {
  /** Sent as `Authorization: Bearer`. */
  readonly apiKey?: string
  /** Which of the server's models. Default: its first one. */
  readonly model?: string
  /**
   * How long a server that does not answer is asked again, in milliseconds; then another one, or `server/unavailable`. Default: 30,000. One that
   * says nothing for 15 s (for `patienceMs` where that is less, 2 s at least), and gives no sign of life, counts as one that does not answer.
   */
  readonly patienceMs?: number
  /** Runs go on without this client, and their results are kept for a while. Default: false. */
  readonly detach?: boolean
  /** In place of the global one. */
  readonly fetch?: typeof fetch
}

/**
 * A runner whose runs are decoded by a server (`dimoo serve`), or by several: each run goes to one of them, to another one where it does not
 * answer, and is begun again elsewhere, with the same seed, where its server is lost in the middle of it.
 *
 * @param url Where they listen, e.g. 'http://127.0.0.1:7860'.
 * @throws `request/invalid` for what is no address.
 * @example
 * const { image } = await connect('http://127.0.0.1:7860').generate({ prompt: 'a red circle' }).result()
 */
export function connect(url: string | URL | readonly (string | URL)[], options: ConnectOptions = {}): RemoteRunner {
  return new RemoteRunner(url, options)
}

type Remote = RemoteImageRun | RemoteTextRun

/** A run as its server lists it. */
export interface RunSummary {
  readonly id: string
  readonly task: TaskName
  readonly state: RunState
  /** The name of its model. */
  readonly model: string
  /** Whether it goes on without a listener. */
  readonly detached: boolean
  readonly priority: number
  /** Seconds since 1970. */
  readonly created: number
  /** Its last step; absent before the first. */
  readonly progress?: Pick<ImageStep, 'step' | 'steps' | 'masked' | 'elapsedMs'> & { readonly image?: number }
}

/** JSON Schema of what a server takes and gives. */
export interface ServerSchemas {
  /** Of the package there. */
  readonly version: string
  readonly tasks: Readonly<Record<TaskName, { readonly request: JsonSchema; readonly result: JsonSchema }>>
  readonly options: JsonSchema
}

/** Made by `connect`. */
export class RemoteRunner extends RunnerBase {
  readonly #servers: Servers
  readonly #options: ConnectOptions
  readonly #runs = new Set<Remote>()
  readonly #closed = new AbortController()
  #info: Promise<ModelInfo> | undefined
  #closing: Promise<void> | undefined

  /** @internal Use `connect`. */
  constructor(url: unknown, options: ConnectOptions) {
    super()
    this.#options = checked(options)
    const { apiKey, patienceMs = 30_000, fetch: fetcher = globalThis.fetch.bind(globalThis) } = options
    const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
    this.#servers = new Servers(
      addressesOf(url).map((base) => new Server(base, headers, fetcher, patienceMs)),
      patienceMs,
    )
  }

  override run<Task extends TaskName, const Options extends RunOptions>(
    task: Task,
    request: TaskRequests[Task],
    options?: Options,
  ): RunOf<Task, Options> {
    if (!isTask(task)) throw invalid(`run: task must be one of ${TASKS.map((name) => `'${name}'`).join(', ')}, got ${show(task)}`)
    const own = captureRequest(task, request)
    const prepare = async (signal: AbortSignal): Promise<object> => ({
      task,
      request: await prepareRequest(task, own, () => this.#known(), signal),
    })
    return this.#start(task, options ?? {}, prepare) as RunOf<Task, Options>
  }

  override resume(snapshot: Uint8Array, options: ResumeOptions = {}): AnyRun {
    const task = taskOfSnapshot(snapshot)
    const own = snapshot.slice()
    return this.#start(task, options, async () => ({ snapshot: own }))
  }

  override async info(): Promise<ModelInfo> {
    return (this.#info = this.#ask<ModelInfo>('/v1/info'))
  }

  override async stats(): Promise<SchedulerStats> {
    return this.#ask<SchedulerStats>('/v1/stats')
  }

  /** One's own runs there, the newest first: those that go on, and ended ones whose results are kept. With several servers: of the first that answers. */
  async runs(): Promise<readonly RunSummary[]> {
    return (await this.#ask<{ readonly runs: readonly RunSummary[] }>('/v1/runs?limit=1000')).runs
  }

  /**
   * A run that was begun before, by this client or another with the same key: followed from its first step, to its end.
   *
   * @throws `request/invalid` for one that is not there, or no longer.
   */
  async attach(id: string): Promise<RemoteImageRun | RemoteTextRun> {
    this.#open()
    if (typeof id !== 'string' || id === '') throw invalid(`attach: id must be the name of a run, got ${show(id)}`)
    const { signal } = this.#closed
    const place = `/v1/runs/${encodeURIComponent(id)}`
    const { answer } = await this.#servers.first((server) => server.json<RunSummary>(place, { signal }), signal)
    return this.#follow({ task: answer.task, id, options: {}, servers: this.#servers })
  }

  /** JSON Schema of every task's request and result, and of what can be said about a run. */
  async schemas(): Promise<ServerSchemas> {
    return this.#ask<ServerSchemas>('/v1/schemas')
  }

  /** Aborts this client's runs after `timeoutMs`; the server goes on. */
  override close(options: CloseOptions = {}): Promise<void> {
    return (this.#closing ??= this.#close(options))
  }

  #start(task: TaskName, options: ResumeOptions, prepare: (signal: AbortSignal) => Promise<object>): AnyRun {
    this.#open()
    const { signal: _, id = randomId(), ...rest } = options
    const { model, detach } = this.#options
    const around = { options: { ...rest, id }, ...(model !== undefined && { model }), ...(detach && { detach }) }
    const parts = {
      task,
      id,
      options,
      servers: this.#servers,
      prepare: async (signal: AbortSignal): Promise<object> => ({ ...(await prepare(signal)), ...around }),
    }
    return this.#follow(parts)
  }

  #follow(parts: RemoteParts): Remote {
    const run = isTextTask(parts.task) ? new RemoteTextRun(parts) : new RemoteImageRun(parts)
    this.#runs.add(run)
    void run.ended().then(() => this.#runs.delete(run))
    return run
  }

  // A model does not change under its name while somebody uses it; its memory and load are asked for anew.
  #known(): Promise<ModelInfo> {
    return (this.#info ??= this.info())
  }

  async #ask<T>(path: string): Promise<T> {
    this.#open()
    const { model } = this.#options
    const { signal } = this.#closed
    const place = model === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}model=${encodeURIComponent(model)}`
    return (await this.#servers.first((server) => server.json<T>(place, { signal }), signal)).answer
  }

  async #close({ timeoutMs = 0, reason = closed() }: CloseOptions): Promise<void> {
    const runs = [...this.#runs]
    if (timeoutMs > 0) await Promise.race([Promise.all(runs.map((run) => run.ended())), timeout(timeoutMs)])
    for (const run of runs) run.abort(reason)
    this.#closed.abort(reason)
  }

  #open(): void {
    if (this.#closing) throw closed()
  }
}

const closed = (): DimooError => new DimooError('disposed', 'the client was closed')

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// `crypto.randomUUID` is for pages of https: only.
function randomId(): string {
  const words = globalThis.crypto.getRandomValues(new Uint32Array(4))
  return `run-${[...words].map((word) => word.toString(16).padStart(8, '0')).join('')}`
}

const KNOWN = ['apiKey', 'model', 'patienceMs', 'detach', 'fetch']

function checked(options: unknown): ConnectOptions {
  if (!isObject(options)) throw invalid(`connect: expected an object of options, got ${show(options)}`)
  const stranger = Object.keys(options).find((name) => !KNOWN.includes(name))
  if (stranger !== undefined) throw invalid(`connect: unknown option '${quote(stranger, 60)}'; known are ${KNOWN.join(', ')}`)
  const { apiKey, patienceMs } = options
  // Whatever cannot stand in a header would be told by fetch, with the key in its words.
  const isKey = apiKey === undefined || (typeof apiKey === 'string' && /^[\x21-\x7e]+$/.test(apiKey))
  if (!isKey) throw invalid('connect: apiKey must be printable characters without spaces, got something else')
  const isTime = patienceMs === undefined || (typeof patienceMs === 'number' && patienceMs >= 0)
  if (!isTime) throw invalid(`connect: patienceMs must be a number of at least 0, got ${show(patienceMs)}`)
  return options
}
