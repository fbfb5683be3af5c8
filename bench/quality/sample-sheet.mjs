// node bench/quality/sample-sheet.mjs [docs/miniature.png]: the sheet that the README shows.
import './typescript.mjs'
import { fileURLToPath } from 'node:url'

const { sampleSheet } = await import('./sample-sheet.ts')
await sampleSheet(process.argv[2] ?? fileURLToPath(new URL('../../docs/miniature.png', import.meta.url)))
