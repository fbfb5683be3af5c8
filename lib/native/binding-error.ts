// Why the addon could not be loaded, in words: every place that was tried, and the command that builds one.
// Reads folders only; never compiles and never downloads.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { BindingError, type BindingAttempt } from '../base/errors.js'

/** `error` is what node-gyp-build threw for the package at `root`. */
export function bindingError(root: string, error: unknown): BindingError {
  const message = error instanceof Error ? error.message : String(error)
  const found = places(root).flatMap((place) => binaries(place))
  const attempts = places(root).map((place): BindingAttempt => {
    const names = binaries(place)
    if (names.length === 0) return { path: place, message: existsSync(place) ? 'holds no .node file' : 'is not there' }
    // node-gyp-build opens the first file of the first place that has one.
    return names[0] === found[0] ? { path: names[0]!, message: firstLine(message) } : { path: names[0]!, message: 'not tried' }
  })
  const code = found.length > 0 ? 'binding/incompatible' : 'binding/not-found'
  const what = `${process.platform}-${process.arch}, Node ${process.versions.node}`
  const tried = attempts.map((attempt) => `${attempt.path}: ${attempt.message}`).join('; ')
  const text = `no binary of lumina-dimoo loads here (${what}; tried ${tried}); ${wayOut(message)}`
  return new BindingError(code, text, attempts, error)
}

/** What to do, by what the loader said: a library that is too old, another C library, or a platform without a binary. */
function wayOut(message: string): string {
  const [, library, needed] = /version [`'"](GLIBC|GLIBCXX|CXXABI)_([\d.]+)['"]? not found/.exec(message) ?? []
  if (library !== undefined) {
    const name = library === 'GLIBC' ? 'glibc' : 'libstdc++'
    return `this system is older than the binary, which needs ${name} ${needed!}: use Debian 12, Ubuntu 22.04, RHEL 9 or newer, or build one here: npx dimoo build`
  }
  if (/libc=musl|ld-musl|libc\.musl/.test(message)) {
    return 'on Alpine (musl) the package needs a binary of its own: use an image with glibc such as node:22-slim, or build one: apk add cmake g++ make linux-headers && npx dimoo build'
  }
  return 'to build one: npx dimoo build'
}

function places(root: string): string[] {
  const base = process.env['LUMINA_DIMOO_PREBUILD'] ?? root
  return ['build/Release', 'build/Debug', `prebuilds/${process.platform}-${process.arch}`].map((dir) => path.join(base, dir))
}

function binaries(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => name.endsWith('.node'))
    .map((name) => path.join(dir, name))
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}
