// Whether the process lives, gives right results and keeps its memory while allocations fail (Linux, a C compiler):
//   node bench/soak.mjs [SECONDS 1200] [ONE_IN 300] [SANITIZED_SECONDS 300] [SANITIZED build/asan/bin/soak_bench] [WARM_UP 300]
// First all tasks in Node under a preloaded library (bench/soak/), then the engine by itself under sanitizers, which cannot be preloaded beside
// it and so bring an operator new that fails (bench/native/soak_bench.cc). Prints one JSON object, kept as bench/results/soak.json.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const [
  seconds = '1200',
  oneIn = '300',
  sanitizedSeconds = '300',
  sanitized = path.join(here, '../build/asan/bin/soak_bench'),
  warmUp = '300',
] = process.argv.slice(2)
const folder = mkdtempSync(path.join(os.tmpdir(), 'dimoo-soak-'))

function lastLine(text) {
  try {
    return JSON.parse(text.trim().split('\n').at(-1))
  } catch {
    return undefined
  }
}

function preloaded() {
  const library = path.join(folder, 'failing-allocations.so')
  const { status, stderr } = spawnSync(
    process.env.CC ?? 'cc',
    ['-shared', '-fPIC', '-O1', '-o', library, path.join(here, 'soak/failing-allocations.c'), '-ldl'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  const child = spawnSync(process.execPath, ['--expose-gc', path.join(here, 'soak/child.mjs'), seconds, folder, warmUp], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
    env: { ...process.env, LD_PRELOAD: library, DIMOO_FAIL_ONE_IN: oneIn, DIMOO_MALLOC_FILE: path.join(folder, 'malloc') },
  })
  const failed = /failed allocations: (\d+)\s*$/.exec(child.stderr)
  const told = lastLine(child.stdout)
  return {
    warmUpSeconds: Number(warmUp),
    seconds: Number(seconds),
    oneIn: Number(oneIn),
    ...(failed && { failedAllocations: Number(failed[1]) }),
    ...(told ?? { died: child.signal ?? child.status, lastWords: child.stderr.slice(-2000) }),
  }
}

function underSanitizers() {
  if (!existsSync(sanitized)) return undefined
  const env = { ...process.env, DIMOO_SOAK_SECONDS: sanitizedSeconds, DIMOO_SOAK_ONE_IN: oneIn }
  const child = spawnSync(sanitized, [], { encoding: 'utf8', maxBuffer: 1 << 28, env })
  const told = child.stdout.split('\n').find((line) => line.startsWith('{'))
  return told && child.status !== null ? JSON.parse(told) : { died: child.signal ?? child.status, lastWords: child.stderr.slice(-2000) }
}

const node = Number(seconds) > 0 ? preloaded() : undefined
const native = underSanitizers()
rmSync(folder, { recursive: true })
const right = (!node || (node.wrong?.length === 0 && node.rssMB.growth <= 0.05)) && (!native || native.wrong === 0)
console.log(
  JSON.stringify(
    { date: new Date().toISOString().slice(0, 10), machine: os.cpus()[0].model, right, node, sanitized: native },
    undefined,
    2,
  ),
)
process.exitCode = right ? 0 : 1
