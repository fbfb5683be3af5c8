// The runners that are served, by name. The first one is the default, which also answers to names that nobody here has: clients hard-code
// the names of other people's models.
import { invalid } from '../base/errors.js'
import { isObject } from '../base/realm.js'
import { quote, show } from '../base/show.js'
import type { ModelInfo } from '../native/info.js'
import { checkRunner, type Runner } from '../runner/runner.js'
import { Problem } from './problem.js'

export interface Served {
  readonly name: string
  readonly runner: Runner
  readonly info: () => Promise<ModelInfo>
}

export class Models {
  readonly #strict: boolean
  readonly #served: Served[]
  #named: Promise<void> | undefined

  /** Throws `request/invalid` for what is no runner. */
  constructor(runners: Runner | Readonly<Record<string, Runner>>, strict: boolean) {
    this.#strict = strict
    const entries = isRunner(runners) ? [['', runners] as const] : entriesOf(runners)
    this.#served = entries.map(([name, runner]) => ({ name, runner, info: remembered(runner) }))
  }

  get all(): readonly Served[] {
    return this.#served
  }

  /** A runner that came without a name has its model's. Called before anything is served. */
  async name(): Promise<void> {
    await (this.#named ??= this.#name())
  }

  async #name(): Promise<void> {
    for (const [i, served] of this.#served.entries()) {
      if (served.name === '') this.#served[i] = { ...served, name: (await served.info()).name }
    }
  }

  /** Throws 404 for a name that is not here, where names are strict. */
  get(name: string | undefined): Served {
    const found = this.#served.find((served) => served.name === name)
    if (found) return found
    if (name === undefined || !this.#strict) return this.#served[0]!
    const known = this.#served.map((served) => served.name).join(', ')
    throw new Problem(404, 'model_not_found', `model: expected one of ${known}, got '${quote(name, 60)}'`, { param: 'model' })
  }
}

const isRunner = (value: unknown): value is Runner => isObject(value) && typeof value['run'] === 'function'

function entriesOf(runners: Readonly<Record<string, Runner>>): [string, Runner][] {
  if (!isObject(runners)) throw invalid(`createServer: expected a Runner or runners by name, got ${show(runners)}`)
  const entries = Object.entries(runners)
  if (entries.length === 0) throw invalid('createServer: expected at least one runner, got none')
  for (const [name, runner] of entries) {
    checkRunner(`createServer: ${name}`, runner)
    if (!/^[\w.:/ -]{1,128}$/.test(name)) throw invalid(`createServer: names must be letters, digits and . _ : / -, got ${show(name)}`)
  }
  return entries
}

// Asked again after a failure.
function remembered(runner: Runner): () => Promise<ModelInfo> {
  let known: Promise<ModelInfo> | undefined
  return () => {
    known ??= runner.info().catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}
