// Puts a built addon where an installed package looks for it: prebuilds/<platform>-<arch>/dimoo[.glibc|.musl].node, without debug symbols.
//   node scripts/prebuild.mjs [platform-arch[-musl]] [dimoo.node]     by default this machine's, from build/Release
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What a release has: folder and file in prebuilds/. */
export const PREBUILDS = {
  'linux-x64': 'linux-x64/dimoo.glibc.node',
  'linux-x64-musl': 'linux-x64/dimoo.musl.node',
  'linux-arm64': 'linux-arm64/dimoo.glibc.node',
  'linux-arm64-musl': 'linux-arm64/dimoo.musl.node',
  'win32-x64': 'win32-x64/dimoo.node',
  'darwin-arm64': 'darwin-arm64/dimoo.node',
}

/** Tools that strip a platform's binaries, the first that is there. */
const STRIP = {
  'linux-arm64': ['aarch64-linux-gnu-strip', 'strip'],
  'win32-x64': ['x86_64-w64-mingw32-strip', 'strip'],
}

export function here() {
  const libc = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime ? '-musl' : ''
  return `${process.platform}-${process.arch}${libc}`
}

function strip(target, file) {
  if (target.startsWith('darwin')) return execFileSync('strip', ['-x', file])
  const tools = STRIP[target.replace('-musl', '')] ?? ['strip']
  for (const tool of target.startsWith(`${process.platform}-${process.arch}`) ? ['strip'] : tools) {
    try {
      return execFileSync(tool, ['--strip-unneeded', file])
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
  }
  throw new Error(`expected one of ${tools.join(', ')} on PATH, to strip ${file}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target = here(), addon = path.join(root, 'build/Release/dimoo.node')] = process.argv.slice(2)
  const name = PREBUILDS[target]
  if (!name) throw new Error(`expected one of ${Object.keys(PREBUILDS).join(', ')}, got ${target}`)
  if (!existsSync(addon)) throw new Error(`expected a built addon, got nothing at ${addon}`)
  const file = path.join(root, 'prebuilds', name)
  mkdirSync(path.dirname(file), { recursive: true })
  copyFileSync(addon, file)
  chmodSync(file, 0o755)
  strip(target, file)
  console.log(path.relative(root, file))
}
