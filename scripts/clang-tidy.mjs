// Runs clang-tidy with the checks of .clang-tidy over every C++ file of the core that GCC's flags do not confuse, on all cores.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const database = path.join(root, 'build/cmake')
const commands = JSON.parse(readFileSync(path.join(database, 'compile_commands.json'), 'utf8'))
const files = [...new Set(commands.map((command) => command.file))].filter(
  (file) => file.includes('/csrc/') && !/_(avx\w+|amx|neon\w*)\.cc$/.test(file),
)
let failed = 0

async function worker() {
  for (let file = files.pop(); file; file = files.pop()) {
    const tidy = spawn('clang-tidy', ['--quiet', '-p', database, '--extra-arg=-Wno-unknown-warning-option', file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let output = ''
    tidy.stdout.on('data', (data) => (output += data))
    const code = await new Promise((resolve) => tidy.on('close', resolve).on('error', () => resolve(-1)))
    if (code === 0) continue
    failed++
    process.stdout.write(code === -1 ? 'clang-tidy was not found. On Debian: apt-get install clang-tidy\n' : output)
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, worker))
process.exit(failed > 0 ? 1 : 0)
