// Why the addon could not be loaded, in words: every place that was really tried, and the way out.
import { existsSync } from 'node:fs'
import { BindingError, type BindingAttempt } from '../base/errors.js'
import { VARIABLE } from './places.js'

/** `attempts`: in order; `error`: of the last file that did not load, where there was one. */
export function bindingError(attempts: readonly BindingAttempt[], error: unknown): BindingError {
  const code = error === undefined ? 'binding/not-found' : 'binding/incompatible'
  const what = `${process.platform}-${process.arch}, Node ${process.versions.node}`
  const tried = attempts.map(({ path, message }) => `${path}: ${message}`).join('; ')
  const text = `no binary of lumina-dimoo loads here (${what}; tried ${tried}); ${wayOut(tried)}`
  return new BindingError(code, text, attempts, error)
}

/** What to do, by what was said: a library that is too old, another C library, the caller's own variable, or a platform without a binary. */
function wayOut(message: string): string {
  const [, library, needed] = /version [`'"](GLIBC|GLIBCXX|CXXABI)_([\d.]+)['"]? not found/.exec(message) ?? []
  if (library !== undefined) {
    const name = library === 'GLIBC' ? 'glibc' : 'libstdc++'
    return `this system is older than the binary, which needs ${name} ${needed!}: use Debian 12, Ubuntu 22.04, RHEL 9 or newer, or build one here: npx dimoo build`
  }
  if (/libc=musl|ld-musl|libc\.musl/.test(message) || existsSync('/etc/alpine-release')) {
    return 'on Alpine (musl) the package needs a binary of its own: use an image with glibc such as node:22-slim, or build one: apk add cmake g++ make linux-headers && npx dimoo build'
  }
  if (process.env[VARIABLE]) return `${VARIABLE} must name a .node file, a folder with one, or a folder as the package's is`
  return `to build one: npx dimoo build; in a bundle, ${VARIABLE} names it (docs/bundling.md)`
}
