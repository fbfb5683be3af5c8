// node bench/quality/sweep.mjs --help
import './typescript.mjs'

const { sweep } = await import('./sweep.ts')
await sweep(process.argv.slice(2))
