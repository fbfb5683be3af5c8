// The room's door. Loaded by who needs the hub, never by `import 'lumina-dimoo'` itself.
export { pull, pullModel } from './pull.js'
export { isReference } from './reference.js'
export type { PulledFile, PullOptions, PullReport } from './pull.js'
export type { PullProgress } from './progress.js'
export type { HubOptions } from './settings.js'
export { listPulled, removePulled } from './inventory.js'
export type { CachedModel, HubCacheOptions, RemoveReport } from './inventory.js'
export { hubFilesOf } from './snapshot-files.js'
