// What routes share: the models, the runs, who may come in, and the streams that are open.
import type { Settings } from './options.js'
import { Models } from './models.js'
import { KeyRing } from './keys.js'
import { Admission, Budget } from './runs/admission.js'
import { Registry } from './runs/registry.js'
import { Replays } from './runs/replays.js'
import { Streams } from './sse.js'
import type { Runner } from '../runner/runner.js'

export interface House {
  readonly settings: Settings
  readonly models: Models
  readonly keys: KeyRing
  readonly registry: Registry
  readonly admission: Admission
  readonly replays: Replays
  /** Bytes of requests that are being read or wait. */
  readonly uploads: Budget
  /** Bytes of large answers on their way. */
  readonly downloads: Budget
  readonly streams: Streams
}

export function openHouse(runners: Runner | Readonly<Record<string, Runner>>, settings: Settings): House {
  const registry = new Registry(settings)
  return {
    settings,
    models: new Models(runners, settings.strictModelNames),
    keys: new KeyRing(settings.apiKeys),
    registry,
    admission: new Admission(registry, settings.maxQueue),
    replays: new Replays(registry, settings.resultTtlMs),
    uploads: new Budget('waiting requests', settings.maxUploadBytes),
    downloads: new Budget('answers on their way', settings.maxUploadBytes),
    streams: new Streams(settings),
  }
}
