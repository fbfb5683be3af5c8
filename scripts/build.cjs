'use strict'
// The native build: plain CMake into build/cmake, the addon into build/Release. Used by `prepare`, by `npx dimoo build`, by
// binding.gyp (so by node-gyp) and, with --tests, by `npm test`. CMakeLists.txt is the one description.
//   --if-stale  do nothing when the addon is newer than everything it is made of, and was built with the CUDA setting of now
//   --tests     the native tests too (build/tests)
//   --out DIR   where the addon goes
//   --list-inputs  print the files it depends on
// DIMOO_CUDA=1 or 0 decides whether CUDA is compiled in; by default it is when nvcc (12.8 or newer) and a driver are both there.
// DIMOO_CMAKE_ARGS passes further arguments to CMake, DIMOO_JOBS limits the processes.
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')

const root = path.resolve(__dirname, '..')
const flag = (name) => process.argv.includes(name)
const option = (name, fallback) => (flag(name) ? process.argv[process.argv.indexOf(name) + 1] : fallback)

function walk(dir) {
  if (!fs.existsSync(path.join(root, dir))) return []
  const entries = fs.readdirSync(path.join(root, dir), { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isDirectory() ? walk(`${dir}/${entry.name}`) : [`${dir}/${entry.name}`]))
}
const inputs = (dirs) => ['CMakeLists.txt', 'package.json', ...dirs.flatMap(walk)]
/** Folders count too: a file that was taken away leaves no other trace. */
function newest(files) {
  const folders = new Set(files.map((file) => path.posix.dirname(file)).filter((folder) => folder !== '.' && folder !== 'scripts'))
  return Math.max(...[...files, ...folders].map((file) => fs.statSync(path.join(root, file)).mtimeMs))
}

function fail(message) {
  console.error(`lumina-dimoo: ${message}`)
  process.exit(1)
}

function has(command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

function requireTools() {
  const missing = []
  if (!has('cmake')) missing.push('cmake')
  if (![process.env.CXX, 'c++', 'g++', 'clang++'].some((compiler) => compiler && has(compiler))) missing.push('a C++20 compiler')
  if (!has('ninja') && !has('make')) missing.push('make or ninja')
  if (missing.length > 0) {
    fail(`building the addon needs ${missing.join(', ')}, not found on PATH. On Debian: apt-get install cmake g++ make`)
  }
}

function cudaWanted() {
  const { DIMOO_CUDA: wanted } = process.env
  if (wanted !== undefined && wanted !== '') return !['0', 'off', 'false', 'no'].includes(wanted.toLowerCase())
  // An older nvcc does not know all the architectures that are built for.
  const nvcc = ['nvcc', '/usr/local/cuda/bin/nvcc'].map((name) => spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout ?? '')
  const [, major, minor] = /release (\d+)\.(\d+)/.exec(nvcc.join('')) ?? []
  return Number(major) * 100 + Number(minor) >= 1208 && has('nvidia-smi', ['-L'])
}

/** Whether the last build compiled CUDA in; undefined when there was none. */
function cudaBuilt(work) {
  const cache = path.join(work, 'CMakeCache.txt')
  return fs.existsSync(cache) ? /^DIMOO_CUDA:\w+=ON$/m.test(fs.readFileSync(cache, 'utf8')) : undefined
}

// make (node-gyp's) hands its job server down, which a build of its own must not see.
function environment() {
  const env = { ...process.env }
  for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKE_TERMOUT', 'MAKE_TERMERR', 'BUILDTYPE', 'V']) delete env[name]
  return env
}

function run(args) {
  const quiet = flag('--quiet')
  const result = spawnSync('cmake', args, {
    cwd: root,
    env: environment(),
    stdio: quiet ? 'pipe' : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
  })
  if (result.status === 0) return
  if (quiet) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  fail(`cmake ${args.slice(0, 2).join(' ')} failed (exit ${result.status}); the messages above say why`)
}

/** A configured folder keeps its generator; a new one takes ninja where there is one. */
function build(folder, definitions, targets) {
  const fresh = !fs.existsSync(path.join(folder, 'CMakeCache.txt'))
  const generator = fresh && has('ninja') ? ['-G', 'Ninja'] : []
  const extra = (process.env.DIMOO_CMAKE_ARGS ?? '').split(' ').filter(Boolean)
  run(['-S', root, '-B', folder, ...generator, ...definitions.map((definition) => `-D${definition}`), ...extra])
  run(['--build', folder, '--parallel', process.env.DIMOO_JOBS || String(Math.min(8, os.availableParallelism())), ...targets])
}

function buildAddon() {
  const out = path.resolve(root, option('--out', 'build/Release'))
  const addon = path.join(out, 'dimoo.node')
  const sources = [...inputs(['cmake', 'csrc', 'cuda']), 'scripts/build.cjs']
  const work = path.join(root, 'build/cmake')
  const cuda = cudaWanted()
  const fresh = fs.existsSync(addon) && fs.statSync(addon).mtimeMs > newest(sources) && cudaBuilt(work) === cuda
  if (flag('--if-stale') && fresh) return
  requireTools()
  build(work, [`DIMOO_CUDA=${cuda ? 'ON' : 'OFF'}`, 'DIMOO_ADDON=ON'], ['--target', 'dimoo'])
  fs.mkdirSync(out, { recursive: true })
  // A new file, not new bytes in one that a running process has mapped.
  fs.copyFileSync(path.join(work, 'dimoo.node'), `${addon}.new`)
  fs.renameSync(`${addon}.new`, addon)
}

function buildTests() {
  const stamp = path.join(root, 'build/tests/stamp')
  const sources = inputs(['cmake', 'csrc', 'test/native'])
  if (fs.existsSync(stamp) && fs.statSync(stamp).mtimeMs > newest(sources)) return
  requireTools()
  build(path.join(root, 'build/tests'), ['DIMOO_ADDON=OFF', 'DIMOO_TESTS=ON'], [])
  fs.writeFileSync(stamp, '')
}

if (flag('--list-inputs'))
  console.log(inputs(['cmake', 'csrc', 'cuda']).join(' ')) // gyp splits this on spaces
else if (flag('--tests')) buildTests()
else buildAddon()
