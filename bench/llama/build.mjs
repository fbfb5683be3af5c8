// llama.cpp built natively from the sources bundled in the npm package node-llama-cpp (a git bundle), outside this repository, and
// our driver linked to it. Nothing of it ever becomes a dependency of the package.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The folder of node-llama-cpp, or undefined: as given, or wherever Node finds it from here. */
export function findPackage(given) {
  if (given !== undefined) return existsSync(path.join(given, 'llama/gitRelease.bundle')) ? path.resolve(given) : undefined
  try {
    const entry = createRequire(import.meta.url).resolve('node-llama-cpp')
    for (let folder = path.dirname(entry); folder !== path.dirname(folder); folder = path.dirname(folder)) {
      if (existsSync(path.join(folder, 'llama/gitRelease.bundle'))) return folder
    }
  } catch {
    // not installed
  }
  return undefined
}

/** Builds what is not built yet under `folder`; returns the driver's path and what was built. */
export function buildLlama(bundled, folder, driverSource) {
  const run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const sources = path.join(folder, 'llama.cpp')
  const build = path.join(folder, 'llama-build')
  const driver = path.join(folder, 'llama-driver')
  const release = JSON.parse(readFileSync(path.join(bundled, 'llama/llama.cpp.info.json'), 'utf8')).tag
  mkdirSync(folder, { recursive: true })
  if (!existsSync(sources))
    run('git', ['-c', 'advice.detachedHead=false', 'clone', '-q', path.join(bundled, 'llama/gitRelease.bundle'), sources])
  const off = ['LLAMA_BUILD_TESTS', 'LLAMA_BUILD_EXAMPLES', 'LLAMA_BUILD_SERVER', 'LLAMA_CURL', 'BUILD_SHARED_LIBS']
  const flags = ['-DCMAKE_BUILD_TYPE=Release', '-DGGML_NATIVE=ON', ...off.map((name) => `-D${name}=OFF`)]
  run('cmake', ['-S', sources, '-B', build, ...flags])
  run('cmake', ['--build', build, '--parallel', '2', '--target', 'llama'])
  const libraries = ['src/libllama.a', 'ggml/src/libggml.a', 'ggml/src/libggml-cpu.a', 'ggml/src/libggml-base.a'].map((name) =>
    path.join(build, name),
  )
  const includes = ['include', 'ggml/include'].flatMap((name) => ['-I', path.join(sources, name)])
  run('c++', ['-O2', '-std=c++17', ...includes, driverSource, ...libraries, '-fopenmp', '-lpthread', '-ldl', '-o', driver])
  const version = JSON.parse(readFileSync(path.join(bundled, 'package.json'), 'utf8')).version
  return { driver, release: `${release} (node-llama-cpp ${version})` }
}
