// What a Linux binary of ours asks of a system, against what we say that it asks: the newest symbol version of glibc, no libstdc++ beside
// its own, no library beyond the C library's, nothing exported but the addon's two entry points. Reads with objdump and nm.
//   node scripts/floor-check.mjs FILE [newest glibc 2.34]
import { execFileSync } from 'node:child_process'

const [file, floor = '2.34'] = process.argv.slice(2)
const LIBRARIES = /^(libc|libm|libdl|librt|libpthread|libgcc_s|ld-linux-(x86-64|aarch64))\.so\.\d$/
const ENTRY_POINTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** Debian's binutils read other architectures under other names. */
function read(tool, args) {
  for (const prefix of ['', 'aarch64-linux-gnu-']) {
    try {
      return execFileSync(prefix + tool, [...args, file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    } catch (error) {
      if (prefix !== '') throw error
    }
  }
}

const number = (version) => version.split('.').reduce((sum, part, i) => sum + Number(part) / 1000 ** i, 0)
const versions = (name, text) =>
  [...new Set([...text.matchAll(new RegExp(`\\b${name}_([\\d.]+)`, 'g'))].map(([, version]) => version))].sort(
    (a, b) => number(a) - number(b),
  )

const problems = []
const symbols = read('objdump', ['-T'])
const newest = versions('GLIBC', symbols).at(-1)
if (number(newest) > number(floor)) problems.push(`expected no glibc newer than ${floor}, got ${newest}`)
for (const name of ['GLIBCXX', 'CXXABI']) {
  const found = versions(name, symbols)
  if (found.length > 0) problems.push(`expected its own libstdc++, got ${name}_${found.at(-1)} of the system's`)
}
const needed = [...read('objdump', ['-p']).matchAll(/NEEDED\s+(\S+)/g)].map(([, library]) => library)
for (const library of needed) if (!LIBRARIES.test(library)) problems.push(`expected the C library alone, got ${library}`)
const exported = [...read('nm', ['-D', '--defined-only']).matchAll(/ [TDBRWV] (\w+)/g)].map(([, name]) => name)
for (const name of exported)
  if (!ENTRY_POINTS.includes(name)) problems.push(`expected nothing exported but ${ENTRY_POINTS.join(', ')}, got ${name}`)
for (const problem of problems) console.error(`${file}: ${problem}`)
if (problems.length > 0) process.exit(1)
console.log(`${file}: glibc ${newest} at most, ${needed.join(' ')}`)
