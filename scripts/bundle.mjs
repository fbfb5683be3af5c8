// The entries of dist/ (what package.json names, and the pool's member) again as bundles over shared chunks, in place of what the compiler wrote:
// a program that loads five files starts sooner than one that loads 120, and what entries share (classes of errors) exists once.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

/** The modules that are begun with, relative to dist/. */
export const entries = [
  ...Object.values(manifest.exports).flatMap((entry) => entry.import?.default ?? []),
  ...Object.values(manifest.bin),
  'dist/pool/main.js',
].map((file) => path.relative('dist', path.normalize(file)))

const into = {
  format: 'esm',
  dir: path.join(root, 'dist'),
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  comments: { legal: false }, // the sources hold none
}

const open = () =>
  rolldown({
    input: Object.fromEntries(entries.map((file) => [file.replace(/\.js$/, ''), path.join(root, 'dist', file)])),
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id),
    platform: 'node',
    preserveEntrySignatures: 'allow-extension', // groups ask for it; what they add is looked for below
  })

/** The modules that an entry loads before anything is called. */
function loadedBy(chunks, entry) {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
  const [seen, modules] = [new Set(), new Set()]
  const visit = (name) => {
    const chunk = byName.get(name)
    if (!chunk || seen.has(name)) return
    seen.add(name)
    chunk.moduleIds.forEach((id) => modules.add(id))
    chunk.imports.forEach(visit)
  }
  visit(entry)
  return modules
}

/** Bundles in place. Left to itself the bundler makes a chunk of every set of entries, commands included: 26 for the API alone. */
export async function bundle() {
  const { output: apart } = await (await open()).generate(into)
  const [api, client, command] = ['index.js', 'client/index.js', 'cli/main.js'].map((entry) => loadedBy(apart, entry))
  // Each group imports from those before it in this list alone, so that nobody loads what only others want: the client holds nothing of Node.
  const group = (id) => {
    if (client.has(id)) return command.has(id) ? 'base' : 'client'
    if (api.has(id)) return command.has(id) ? 'command' : 'api'
    return null
  }
  const groups = [{ name: group, debugName: 'by entry' }]
  const { output } = await (await open()).write({ ...into, codeSplitting: { includeDependenciesRecursively: false, groups } })
  for (const { fileName, exports } of output.filter(({ isEntry }) => isEntry)) {
    const own = apart.find((chunk) => chunk.fileName === fileName).exports
    if (String(exports.toSorted()) !== String(own.toSorted())) throw new Error(`dist/${fileName} exports ${exports}, and should ${own}`)
  }
}
