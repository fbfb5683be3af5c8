// Orders to a run that carry a name of their own (`Idempotency-Key`): sent again, as after an answer that never came, each is followed once.
const MOST = 256

export class Orders {
  readonly #given = new Map<string, Promise<void>>()

  /** Without a name every order is another one. One that was refused may be given again. */
  once(name: string | undefined, give: () => Promise<void>): Promise<void> {
    if (name === undefined) return give()
    const known = this.#given.get(name)
    if (known) return known
    const given = give()
    this.#given.set(name, given)
    given.catch(() => this.#given.delete(name))
    if (this.#given.size > MOST) this.#given.delete(this.#given.keys().next().value!)
    return given
  }
}
