// Programs that are asked for one pass at a time (bench/native/pass_bench.cc, bench/llama/driver.cc, bench/torch/driver.py), so
// that a comparison can take turns among them in one run.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** A program that answers each line on stdin with one line. */
export class Driver {
  #child
  #lines

  constructor(command, args, env = {}) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async ask(line) {
    this.#child.stdin.write(`${line}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`${this.#child.spawnargs.join(' ')}: expected an answer to '${line}', got its end`)
    return value
  }

  async seconds(line) {
    return Number(await this.ask(line))
  }

  close() {
    this.#child.stdin.end()
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Relative root mean square difference of two lists of f32. */
export function relativeError(actual, expected) {
  let error = 0
  let square = 0
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2
    square += expected[i] ** 2
  }
  return Math.sqrt(error / square)
}

/** One of bench/native, built where `folder` says. */
export function buildBench(folder, name) {
  const run = (args) => execFileSync('cmake', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  run(['-S', '.', '-B', folder, '-DDIMOO_ADDON=OFF', '-DDIMOO_BENCH=ON'])
  run(['--build', folder, '--parallel', '2', '--target', name])
  return path.join(folder, 'bin', name)
}
export const buildOurs = (folder) => buildBench(folder, 'pass_bench')

/** A random model of llama.cpp's layout, made once. */
export function llamaModel(folder, shape, type) {
  const file = path.join(folder, `${shape}-${type}-llada.gguf`)
  mkdirSync(folder, { recursive: true })
  const args = ['dist/cli/main.js', 'synth', shape, '-o', file, '--type', type, '--layout', 'llada']
  if (!existsSync(file)) execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return file
}

/** Of the vector instructions that make a difference, those that this processor shows. */
function vectorInstructions() {
  const known = ['avx2', 'avx_vnni', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_int8', 'asimd', 'asimddp', 'i8mm', 'bf16']
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(info)?.[1].split(' '))
  return known.filter((name) => flags.has(name))
}

export function machine(threads) {
  return {
    cpu: os.cpus()[0]?.model,
    vectorInstructions: vectorInstructions(),
    threads,
    platform: `${os.platform()}-${os.arch()}`,
    loadAverageBefore: os.loadavg()[0],
  }
}

export function commit() {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
}

/** `--name value` pairs. */
export function options(defaults) {
  const found = { ...defaults }
  for (let i = 2; i + 1 < process.argv.length; i += 2) {
    const name = process.argv[i].replace(/^--/, '')
    if (!(name in found)) throw new Error(`${process.argv[i]}: expected one of ${Object.keys(found).join(', ')}`)
    found[name] = process.argv[i + 1]
  }
  return found
}
