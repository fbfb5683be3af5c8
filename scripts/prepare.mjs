// npm runs this after `npm install` in a checkout (never in an installed package): builds what is missing or stale.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const studio = path.join(root, 'dist/studio')

const changed = (file) => statSync(file).mtimeMs
const inside = (folder) => readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name))
/** Folders count too: a file that was taken away leaves no other trace. */
const newest = (folder) => Math.max(changed(folder), ...inside(folder).map(changed))

function run(script, args) {
  const { status } = spawnSync(process.execPath, [path.join(root, script), ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

run('scripts/build.cjs', ['--if-stale', '--quiet'])
const built = path.join(root, 'dist/index.js')
if (!existsSync(built) || changed(built) < Math.max(newest(path.join(root, 'lib')), changed(path.join(root, 'tsconfig.json')))) {
  const compiler = 'node_modules/typescript/bin/tsc'
  if (!existsSync(path.join(root, compiler))) {
    console.error('lumina-dimoo: building a checkout needs its development tools: npm install without --omit=dev')
    process.exit(1)
  }
  run('scripts/dist.mjs', [])
}
// The page holds the client, which stands in lib.
const page = path.join(studio, 'index.html')
if (!existsSync(page) || changed(page) < Math.max(newest(path.join(root, 'lib')), newest(path.join(root, 'studio'))))
  run('node_modules/vite/bin/vite.js', ['build', 'studio'])
