// node bench/quality/run.mjs --help
import './typescript.mjs'

const { run } = await import('./run.ts')
await run(process.argv.slice(2))
