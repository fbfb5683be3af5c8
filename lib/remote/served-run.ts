// One run at the service of a reader elsewhere. A step goes out for each that is asked for, so that a slow reader holds or merges as it would
// here; once the run has ended, what is left of it goes at once. Snapshots go out as it comes further.
import { invalid } from '../base/errors.js'
import type { MaskInput } from '../fields/values.js'
import type { ImageStep, TextStep } from '../run/steps.js'
import type { AnyRun, RunState } from '../run/types.js'
import { snapshotHeader } from '../snapshot/index.js'
import { Checkpoints } from './checkpoints.js'
import { errorMessage, resultMessage, stepMessage, type Told } from './frames.js'

type WithoutRun<T> = T extends unknown ? Omit<T, 'run'> : never
/** Tells the reader; who fills in the number of the run. */
export type TellOf = (told: WithoutRun<Exclude<Told, { kind: 'answer' }>>) => void

export interface ServedOptions {
  readonly snapshotEveryMs: number
  /** The reader misses none, also where it has to go on with somebody else. */
  readonly everyStep: boolean
  /** Its first step. */
  readonly from: number
  readonly ended: () => void
}

/** Somebody waits until steps have gone out. */
interface Owed {
  readonly sent: () => boolean
  readonly resolve: () => void
}

export class ServedRun {
  readonly run: AnyRun
  readonly #tell: TellOf
  readonly #steps: AsyncIterator<ImageStep | TextStep, void, undefined>
  readonly #checkpoints: Checkpoints
  readonly #everyStep: boolean
  readonly #from: number
  /** The last step of each picture that went out. */
  readonly #sent = new Map<number, number>()
  readonly #owed: Owed[] = []
  #state: RunState = 'queued'
  #asked = 0
  #pumping = false
  #dry = false
  #over = false // the run has ended: steps that are left need not be asked for
  #exhausted: () => void = () => undefined

  constructor(run: AnyRun, tell: TellOf, { snapshotEveryMs, everyStep, from, ended }: ServedOptions) {
    this.run = run
    this.#tell = tell
    this.#steps = (run as AsyncIterable<ImageStep | TextStep, void, undefined>)[Symbol.asyncIterator]()
    this.#everyStep = everyStep
    this.#from = from
    this.#checkpoints = new Checkpoints(
      run,
      snapshotEveryMs,
      async (bytes, step) => {
        await this.#sendBefore(bytes)
        this.#saw('running')
        tell({ kind: 'checkpoint', step, bytes })
        return true
      },
      from,
    )
    void this.#finish().finally(ended)
  }

  pull(): void {
    this.#asked++
    this.#pump()
  }

  abort(): void {
    this.run.abort()
  }

  pause(): void {
    void this.run.pause()
  }

  continue(): void {
    void this.run.continue()
  }

  snapshot(): void {
    this.#snapshot().then(
      (bytes) => this.#tell({ kind: 'snapshot', step: snapshotHeader(bytes).step, bytes }),
      () => this.#tell({ kind: 'refused' }),
    )
  }

  /** Resolves once it can no longer be lost: it is in a snapshot that has gone out. */
  async remask(region: MaskInput, image: number): Promise<void> {
    if (!('remask' in this.run)) throw invalid('remask: expected a run that draws pictures, got one that answers in text')
    await this.run.remask(region, { image })
    await this.#checkpoints.now().catch(() => undefined) // it has ended meanwhile: the result has it
  }

  async #snapshot(): Promise<Uint8Array> {
    const bytes = await this.run.snapshot()
    await this.#sendBefore(bytes)
    return bytes
  }

  // Whoever goes on from a snapshot never sees what came before it: those steps go out first, asked for or not.
  async #sendBefore(snapshot: Uint8Array): Promise<void> {
    if (!this.#everyStep) return
    const { step, sizes } = snapshotHeader(snapshot)
    const images = 'images' in sizes ? sizes.images : 1
    const sent = (): boolean =>
      Array.from({ length: images }, (_, i) => this.#sent.get(i) ?? this.#from - 1).every((last) => last >= step - 1)
    if (sent() || this.#dry) return
    await new Promise<void>((resolve) => {
      this.#owed.push({ sent, resolve })
      this.#pump()
    })
  }

  #saw(state: RunState): void {
    if (this.#state === state) return
    this.#state = state
    this.#tell({ kind: 'state', state })
  }

  // One at a time; takes from the run only what was asked for, until it has ended.
  #pump(): void {
    if (this.#pumping || this.#dry || !(this.#asked > 0 || this.#owed.length > 0 || this.#over)) return
    this.#pumping = true
    this.#steps.next().then(
      ({ done, value }) => {
        this.#pumping = false
        if (done) this.#runDry()
        else {
          this.#asked = Math.max(0, this.#asked - 1)
          this.#saw('running')
          this.#tell({ kind: 'step', message: stepMessage(this.run.task, value) })
          this.#sent.set(value.kind === 'image' ? value.image : 0, value.step)
          this.#settle(({ sent }) => sent())
          this.#pump()
        }
      },
      () => this.#runDry(), // the end says why
    )
  }

  #settle(paid: (one: Owed) => boolean): void {
    for (const one of this.#owed.filter(paid)) {
      this.#owed.splice(this.#owed.indexOf(one), 1)
      one.resolve()
    }
  }

  #runDry(): void {
    this.#dry = true
    this.#settle(() => true)
    this.#exhausted()
  }

  // The result may be asked for at once: the iterator is there, so nobody takes it for a run without a reader.
  async #finish(): Promise<void> {
    const dry = new Promise<void>((resolve) => (this.#exhausted = resolve))
    const message = await this.run.result().then(
      (result) => resultMessage(this.run.task, result),
      (error: unknown) => errorMessage(error),
    )
    this.#over = true
    await this.#checkpoints.stop()
    this.#pump()
    if (!this.#dry) await dry
    this.#tell({ kind: 'dry' })
    this.#tell({ kind: 'end', message })
  }
}
