// Lets Node load the TypeScript of this folder as it is: `await import('./typescript.mjs')`, then import('./x.ts'). Types are dropped, not
// checked (npm run lint checks them).
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
