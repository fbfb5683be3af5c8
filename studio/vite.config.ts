// The studio is built into dist/studio: one page, one script, one style sheet, nothing from elsewhere.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (place: string): string => fileURLToPath(new URL(place, import.meta.url))

export default defineConfig({
  root: here('.'),
  logLevel: 'warn',
  // The client as it stands in this checkout, not as it was built last.
  resolve: { alias: { 'lumina-dimoo/client': here('../lib/client/index.ts') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../dist/studio'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    license: false,
  },
  // `npx vite studio`: the page from its sources, the rest from a server that runs beside it.
  server: { proxy: { '/v1': process.env['DIMOO_URL'] ?? 'http://127.0.0.1:7860' } },
})
