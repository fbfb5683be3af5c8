// Makes dist/ of lib/: a file a module by the compiler, for scripts and tests that look inside, then the entries as bundles (bundle.mjs), which
// are what ships with the declarations.
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = path.join(root, 'dist')

function run(script, args = []) {
  const { status } = spawnSync(process.execPath, [path.join(root, script), ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const started = Date.now()
run('node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json'])
run('scripts/worker-source.mjs')
await bundle()
run('scripts/cjs.mjs')
// What was not written again belongs to a source that is gone; the tarball must not carry it. The studio is made by itself.
for (const name of readdirSync(dist, { recursive: true })) {
  const file = path.join(dist, name)
  if (name.split(path.sep)[0] !== 'studio' && statSync(file).isFile() && statSync(file).mtimeMs < started - 50) rmSync(file)
}
// npx runs the command from here, and what was written is plain files.
chmodSync(path.join(dist, 'cli/main.js'), 0o755)
