// node bench/quality/show.mjs [--check]: curves and tables from bench/results/quality.json.
import './typescript.mjs'

const { show } = await import('./show.ts')
show(process.argv.includes('--check'))
