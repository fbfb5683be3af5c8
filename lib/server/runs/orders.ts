// Orders to a run that carry a name of their own (`Idempotency-Key`): sent again, as after an answer that never came, each is followed once.
import { badRequest } from '../problem.js'

const MOST = 256

export class Orders {
  readonly #given = new Map<string, { readonly what: string; readonly given: Promise<void> }>()

  /** Without a name every order is another one. One that was refused may be given again. Throws 400 where the name is another one's. */
  once(name: string | undefined, what: string, give: () => Promise<void>): Promise<void> {
    if (name === undefined) return give()
    const known = this.#given.get(name)
    if (known) {
      if (known.what === what) return known.given
      throw badRequest('Idempotency-Key: this key came before with another request', 'Idempotency-Key')
    }
    const given = give()
    this.#given.set(name, { what, given })
    given.catch(() => this.#given.delete(name))
    if (this.#given.size > MOST) this.#given.delete(this.#given.keys().next().value!)
    return given
  }
}
