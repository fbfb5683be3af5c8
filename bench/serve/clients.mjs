// Clients of a server under load: each asks for something, waits for the answer or leaves, and asks again. Whatever is finished is kept by
// what was asked, so that it can be compared with the same decoded alone.
import { setTimeout as sleep } from 'node:timers/promises'

const PROMPTS = [
  'a red circle',
  'a large yellow star on a black background',
  'two red squares',
  'a blue circle to the left of a green cross',
]
const SEEDS = 6

/** Requests for pictures, few enough to be drawn again one by one. */
export const REQUESTS = PROMPTS.flatMap((prompt) => Array.from({ length: SEEDS }, (_, seed) => ({ prompt, seed, steps: 8 })))

const json = (body, signal) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal })

/** Finished pictures by the number of their request, and how often each status came. */
export class Clients {
  statuses = {}
  left = 0
  finished = { generate: 0, streamed: 0, edit: 0, ask: 0, responses: 0, native: 0 }
  /** Number of a request: all different files that came for it. */
  files = new Map()
  #url
  #picture
  #random

  /** `picture`: bytes of a PNG to ask about. */
  constructor(url, picture, random) {
    this.#url = url
    this.#picture = picture
    this.#random = random
  }

  async run(count, until) {
    await Promise.all(Array.from({ length: count }, () => this.#client(until)))
  }

  async #client(until) {
    const kinds = Object.keys(this.finished)
    while (performance.now() < until) {
      const kind = kinds[Math.floor(this.#random() * kinds.length)]
      const leaving = new AbortController()
      const timer = this.#random() < 1 / 3 ? setTimeout(() => leaving.abort(), this.#random() * 3000) : undefined
      try {
        const retry = await this[kind](Math.floor(this.#random() * REQUESTS.length), leaving.signal)
        if (retry) await sleep(Math.min(1000 * retry, Math.max(0, until - performance.now())) * this.#random())
        else this.finished[kind]++
      } catch (error) {
        if (!leaving.signal.aborted) this.#count(`${error.cause?.code ?? error.message}`)
        else this.left++
      }
      clearTimeout(timer)
    }
  }

  #count(status) {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1
  }

  /** Seconds to wait where the queue was full. */
  async #ask(path, init, read) {
    const response = await fetch(`${this.#url}${path}`, init)
    this.#count(response.status)
    if (response.status === 429) {
      await response.arrayBuffer()
      return Number(response.headers.get('retry-after'))
    }
    await read(response)
    return 0
  }

  #keep(at, file) {
    if (!this.files.has(at)) this.files.set(at, new Set())
    this.files.get(at).add(file)
  }

  generate(at, signal) {
    return this.#ask('/v1/images/generations', json(REQUESTS[at], signal), async (response) => {
      this.#keep(at, (await response.json()).data[0].b64_json)
    })
  }

  streamed(at, signal) {
    const body = { ...REQUESTS[at], stream: true, partial_images: 1 }
    return this.#ask('/v1/images/generations', json(body, signal), async (response) => {
      const last = (await response.text()).trim().split('\n\n').at(-1)
      this.#keep(at, JSON.parse(last.slice(last.indexOf('data: ') + 6)).b64_json)
    })
  }

  edit(at, signal) {
    const form = new FormData()
    form.set('prompt', 'Change the red circle to blue.')
    form.set('steps', '4')
    form.set('seed', String(at))
    form.set('image', new Blob([this.#picture], { type: 'image/png' }), 'in.png')
    return this.#ask('/v1/images/edits', { method: 'POST', body: form, signal }, (response) => response.json())
  }

  ask(at, signal) {
    const url = `data:image/png;base64,${this.#picture.toString('base64')}`
    const content = [
      { type: 'text', text: 'What color is the circle?' },
      { type: 'image_url', image_url: { url } },
    ]
    const body = { messages: [{ role: 'user', content }], seed: at, stream: true, length: 16, steps: 4 }
    return this.#ask('/v1/chat/completions', json(body, signal), (response) => response.text())
  }

  responses(at, signal) {
    const body = { input: 'There is a red circle. What color is the circle?', seed: at, length: 16, steps: 4 }
    return this.#ask('/v1/responses', json(body, signal), (response) => response.json())
  }

  async native(at, signal) {
    let place
    const retry = await this.#ask('/v1/runs', json({ task: 'generate', request: REQUESTS[at] }, signal), async (response) => {
      place = await response.json()
    })
    if (retry) return retry
    await this.#ask(`${place.events}?steps=${at % 2 === 0}`, { signal }, (response) => response.text())
    return this.#ask(`${place.url}/images/0`, { signal }, async (response) => {
      this.#keep(at, Buffer.from(await response.arrayBuffer()).toString('base64'))
    })
  }
}
