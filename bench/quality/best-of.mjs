// node bench/quality/best-of.mjs [KIND ...]: best of eight on text to image, into bench/results/quality.json.
import './typescript.mjs'

const { choose } = await import('./choose.ts')
await choose(process.argv.slice(2))
