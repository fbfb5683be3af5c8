// The program of the tokenizer's worker thread as one text in a module, dist/prompt/worker-source.js: a bundler may then move our files wherever
// it likes. Run after the compiler.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const at = (file) => fileURLToPath(new URL(`../dist/prompt/${file}`, import.meta.url))

const { outputFiles } = await build({
  entryPoints: [at('tokenizer-worker.js')],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  minify: true,
  legalComments: 'none', // THIRD_PARTY_NOTICES.md
})
writeFileSync(at('worker-source.js'), `export default ${JSON.stringify(outputFiles[0].text)}\n`)
