// Formats the C++ and CUDA files with clang-format, or with --check fails on those that are not formatted.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = ['csrc', 'cuda', 'test/native', 'test/cuda_emulation', 'test/fuzz', 'bench/native'].flatMap((folder) => {
  try {
    return readdirSync(path.join(root, folder), { recursive: true }).map((name) => path.join(root, folder, name))
  } catch {
    return [] // not every folder is there yet
  }
})
const sources = files.filter((file) => /\.(cc|h|cu|cuh)$/.test(file))
const args = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i']
const { status, error } = spawnSync('clang-format', [...args, ...sources], { stdio: 'inherit' })
if (error) console.error(`clang-format: ${error.message}. On Debian: apt-get install clang-format`)
process.exit(status ?? 1)
