// Which steps of a run have been told, for whoever must not write down more than that.
export class Told {
  readonly #before: number
  readonly #last = new Map<number, number>()
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []
  #ended = false

  /** `before`: the last step that was told by somebody else. */
  constructor(before: number) {
    this.#before = before
  }

  step(image: number, step: number): void {
    this.#last.set(image, step)
    this.#settle()
  }

  /** No more steps are told, or nobody minds if one is not. */
  end(): void {
    this.#ended = true
    this.#settle()
  }

  /** Resolves once this step of so many pictures has been told, or none will be any more. */
  async upTo(step: number, images: number): Promise<void> {
    const holds = (): boolean =>
      this.#ended || Array.from({ length: images }, (_, i) => this.#last.get(i) ?? this.#before).every((last) => last >= step)
    if (!holds()) await new Promise<void>((resolve) => this.#waiting.push({ holds, resolve }))
  }

  #settle(): void {
    const ready = this.#waiting.filter(({ holds }) => holds())
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one))
    for (const { resolve } of ready) resolve()
  }
}
