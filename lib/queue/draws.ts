// Steps drawn by whichever worker has time: a list in Redis, answered on a channel of the asker's. Pictures go through the store.
import { randomUUID } from 'node:crypto'
import { DimooError, errorFromData, errorToData, type ErrorData } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import type { Drawn } from '../remote/far.js'
import type { PreviewOptions } from '../requests/types/index.js'
import type { StepData } from '../run/types.js'
import type { Runner, StepDrawer } from '../runner/runner.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import type { Keys } from './keys.js'
import type { Redis } from './redis.js'
import { fetchKept, keep, type BlobStore } from './store.js'
import type { Subscriptions } from './subscriptions.js'

interface Asked {
  readonly id: string
  readonly step: StepData
  readonly options: PreviewOptions
}

type Answer = { readonly blob: string } | { readonly error: ErrorData }

interface Place {
  readonly redis: Redis
  readonly keys: Keys
  readonly store: BlobStore
}

/** How long a step waits to be drawn. */
const PATIENCE_MS = 30_000
const LOOK_MS = 1000
const MOST = 1024

/** Throws `device/unavailable` where no worker answers. */
export async function draw(at: Place & { readonly subscriptions: Subscriptions }, step: StepData, options: PreviewOptions): Promise<Drawn> {
  const { redis, keys, store, subscriptions } = at
  const id = randomUUID()
  const { grid, tokens, guess } = step
  let looking: NodeJS.Timeout | undefined
  let late: NodeJS.Timeout | undefined
  let unlisten: (() => void) | undefined
  try {
    const text = await new Promise<string>((resolve, reject) => {
      const look = (): void => void redis.get(keys.drawn(id)).then((found) => found !== null && resolve(found), reject)
      const asked = async (): Promise<void> => {
        unlisten = await subscriptions.listen(keys.drawn(id), resolve)
        const message = Buffer.from(encodeCbor({ id, step: { grid, tokens, guess }, options }))
        await redis.multi().lpush(keys.draws, message).ltrim(keys.draws, 0, MOST).pexpire(keys.draws, PATIENCE_MS).exec()
        looking = setInterval(look, LOOK_MS)
      }
      asked().catch(reject)
      const failure = (): void => reject(new DimooError('device/unavailable', 'decode: expected a worker that draws, got none'))
      late = setTimeout(failure, PATIENCE_MS)
    })
    const answer = JSON.parse(text) as Answer
    if ('error' in answer) throw errorFromData(answer.error)
    const drawn = decodeCbor(await fetchKept(store, answer.blob)) as { readonly drawn: Drawn }
    return drawn.drawn
  } finally {
    clearInterval(looking)
    clearTimeout(late)
    unlisten?.()
  }
}

/** A worker's part in it: one step at a time, on a connection that waits. */
export class Drawer {
  readonly #at: Place & { readonly runner: Runner }
  readonly #waiting: Redis
  readonly #loop: Promise<void>
  #open = true

  constructor(at: Place & { readonly runner: Runner }) {
    this.#at = at
    this.#waiting = at.redis.duplicate()
    this.#waiting.on('error', () => undefined)
    this.#loop = 'decodeStep' in at.runner ? this.#work() : Promise.resolve()
  }

  async close(): Promise<void> {
    this.#open = false
    this.#waiting.disconnect()
    await this.#loop
  }

  async #work(): Promise<void> {
    while (this.#open) {
      const found = await this.#waiting.brpopBuffer(this.#at.keys.draws, 5).catch(() => undefined)
      if (found) await this.#draw(found[1]).catch(() => undefined)
      else await new Promise((resolve) => setTimeout(resolve, this.#open && this.#waiting.status !== 'ready' ? 200 : 0))
    }
  }

  async #draw(message: Uint8Array): Promise<void> {
    const { redis, keys, store, runner } = this.#at
    const asked = decodeCbor(new Uint8Array(message)) as Asked
    if (!isObject(asked) || typeof asked.id !== 'string') return
    const answer = await (runner as Runner & StepDrawer)
      .decodeStep(asked.step, asked.options)
      .then(async (drawn): Promise<Answer> => ({ blob: await keep(store, encodeCbor({ drawn })) }))
      .catch((error: unknown): Answer => ({ error: errorToData(error) }))
    const text = JSON.stringify(answer)
    await redis.multi().set(keys.drawn(asked.id), text, 'PX', PATIENCE_MS).publish(keys.drawn(asked.id), text).exec()
  }
}
