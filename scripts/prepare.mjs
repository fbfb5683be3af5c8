// npm runs this after `npm install` in a checkout (never in an installed package): builds what is missing or stale.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

function newest(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  return Math.max(0, ...entries.map((entry) => statSync(path.join(entry.parentPath, entry.name)).mtimeMs))
}

function run(script, args) {
  const { status } = spawnSync(process.execPath, [path.join(root, script), ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

run('scripts/build.cjs', ['--if-stale', '--quiet'])
const built = path.join(root, 'dist/index.js')
if (!existsSync(built) || statSync(built).mtimeMs < Math.max(newest(path.join(root, 'lib')), statSync(path.join(root, 'tsconfig.json')).mtimeMs)) {
  run('node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json'])
}
