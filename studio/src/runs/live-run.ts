// A run as the page sees it: followed from its first step to its end, with all its frames, what was marked in it, and where one looks.
import { batch, computed, signal } from '@preact/signals'
import type {
  GeneratedImage,
  ImageStep,
  RemoteImageRun,
  RemoteTextRun,
  RunState,
  TaskName,
  TextResult,
  TextStep,
} from 'lumina-dimoo/client'
import { frameAfter, frameAt, type Frame } from './frames.js'
import { isAbort, wordsOf } from './words.js'

/** What was asked, as the page knows it. */
export interface Asked {
  readonly id: string
  readonly task: TaskName
  readonly request: Readonly<Record<string, unknown>>
  readonly created: number
  /** The run and step that it was forked from. */
  readonly parent?: { readonly id: string; readonly step: number }
  /** Of a fork: what the run that it goes back to was asked for. */
  readonly steps?: number
}

export interface Picture {
  readonly image: GeneratedImage
  /** PNG, with its parameters inside. */
  readonly file: Blob
  readonly url: string
}

export interface Progress {
  readonly step: number
  readonly steps: number
  readonly masked: number
  readonly elapsedMs: number
}

export type RemoteRun = RemoteImageRun | RemoteTextRun

export class LiveRun {
  readonly asked: Asked
  readonly state = signal<RunState>('queued')
  readonly progress = signal<Progress | undefined>(undefined)
  /** Of each picture of the run. */
  readonly frames = signal<readonly (readonly Frame[])[]>([])
  readonly pictures = signal<readonly Picture[]>([])
  readonly text = signal<TextStep | undefined>(undefined)
  readonly answer = signal<TextResult | undefined>(undefined)
  readonly problem = signal('')
  /** What it ended with, where it did not end well. */
  error: unknown
  readonly warnings = signal<readonly string[]>([])
  readonly priority = signal(0)
  /** Which picture one looks at, and after which step; undefined: the newest. */
  readonly shown = signal(0)
  readonly at = signal<number | undefined>(undefined)
  readonly marked = signal<ReadonlySet<number>>(new Set())
  readonly pinned = signal<ReadonlySet<number>>(new Set())
  /** Resolves when it has ended, whatever the way. */
  readonly ended: Promise<void>

  readonly frame = computed((): Frame | undefined => {
    const frames = this.frames.value[this.shown.value]
    const at = this.at.value
    return frames && (at === undefined ? frames.at(-1) : frameAt(frames, at))
  })
  readonly over = computed(() => ['done', 'failed', 'aborted'].includes(this.state.value))
  readonly picture = computed(() => this.pictures.value[this.shown.value])

  #run: RemoteRun | undefined
  #firstSteps: number | undefined

  constructor(asked: Asked, run: RemoteRun) {
    this.asked = asked
    this.#run = run
    this.ended = this.#follow(run)
  }

  get id(): string {
    return this.asked.id
  }

  get prompt(): string {
    return promptOf(this.asked.request)
  }

  /** Without those that came with cells which went back to the mask; unknown before the first step where the request leaves it open. */
  get askedSteps(): number | undefined {
    const { steps } = this.asked.request
    return this.asked.steps ?? (typeof steps === 'number' ? steps : this.#firstSteps)
  }

  async pause(): Promise<void> {
    await this.#run?.pause()
    if (!this.over.value) this.state.value = 'paused'
  }

  async continue(): Promise<void> {
    await this.#run?.continue()
    if (!this.over.value) this.state.value = 'running'
  }

  cancel(): void {
    this.#run?.abort(new DOMException('The run was cancelled.', 'AbortError'))
  }

  /** Sends the marked cells back to the mask. Pinned ones stay. */
  async remask(): Promise<void> {
    const cells = [...this.marked.value].filter((cell) => !this.pinned.value.has(cell))
    const run = this.#run
    if (!run || !('remask' in run) || cells.length === 0) return
    await run.remask(Uint32Array.from(cells), { image: this.shown.value })
    this.marked.value = new Set()
  }

  async snapshot(): Promise<Uint8Array> {
    if (!this.#run) throw new Error('The run is no longer on this page')
    return this.#run.snapshot()
  }

  async reprioritise(priority: number): Promise<void> {
    await this.#run?.reprioritise(priority)
    this.priority.value = priority
  }

  /** Forgets the frames but the last ones: a page that stays open for days must not grow. */
  thin(): void {
    this.frames.value = this.frames.value.map((frames) => frames.slice(-1))
    this.at.value = undefined
  }

  /** Frees what only this run holds, whoever still holds the run. */
  drop(): void {
    this.#run = undefined
    this.frames.value = []
    for (const { url } of this.pictures.value) URL.revokeObjectURL(url)
    this.pictures.value = []
  }

  async #follow(run: RemoteRun): Promise<void> {
    try {
      const result = run.result() // so that nothing here aborts it
      result.catch(() => undefined) // the steps end with the same error
      for await (const step of run as AsyncIterable<ImageStep | TextStep>) this.#take(step, run.state)
      const found = await result
      if ('images' in found) this.pictures.value = await picturesOf(found.images)
      else this.answer.value = found
      this.warnings.value = found.warnings
      this.state.value = 'done'
    } catch (error) {
      this.error = error
      batch(() => {
        this.problem.value = wordsOf(error)
        this.state.value = isAbort(error) ? 'aborted' : 'failed'
      })
    }
  }

  #take(step: ImageStep | TextStep, state: RunState): void {
    batch(() => {
      if (this.state.value !== 'paused' || state === 'running') this.state.value = state
      const { step: index, steps, masked, elapsedMs } = step
      this.#firstSteps ??= steps
      this.progress.value = { step: index, steps, masked, elapsedMs }
      if (step.kind === 'text') this.text.value = step
      else {
        const all = [...this.frames.value]
        const own = all[step.image] ?? []
        all[step.image] = [...own, frameAfter(own.at(-1), step)]
        this.frames.value = Array.from(all, (one: readonly Frame[] | undefined) => one ?? [])
      }
    })
  }
}

async function picturesOf(images: readonly GeneratedImage[]): Promise<Picture[]> {
  return Promise.all(
    images.map(async (image) => {
      const file = new Blob([(await image.encode('png')) as Uint8Array<ArrayBuffer>], { type: 'image/png' })
      return { image, file, url: URL.createObjectURL(file) }
    }),
  )
}

export function promptOf(request: Readonly<Record<string, unknown>>): string {
  const { prompt, messages } = request
  if (typeof prompt === 'string') return prompt
  const last = Array.isArray(messages) ? (messages.at(-1) as { readonly content?: unknown } | undefined)?.content : undefined
  return typeof last === 'string' ? last : ''
}
