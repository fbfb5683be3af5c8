// The public door of the server: `lumina-dimoo/server`.
export { createServer } from './app.js'
export type { App } from './instance.js'
export { parseKeys } from './keys.js'
export type { ApiKey, ServerOptions } from './types.js'
