// `dimoo build`: the addon from source, with plain CMake. Needs no addon, of course.
import { Command } from 'commander'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { packageRoot } from '../base/package-root.js'
import { DimooError } from '../base/errors.js'
import type { Context } from './context.js'

const EXAMPLES = `
Needs cmake, make or ninja, and a C++20 compiler. CUDA is compiled in where nvcc and a driver are found, or with DIMOO_CUDA=1.

Examples:
  npx dimoo build
  DIMOO_CUDA=1 npx dimoo build`

export function command({ signal }: Context): Command {
  return new Command('build')
    .description('Builds the addon from source, where no binary fits this machine.')
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      const script = path.join(packageRoot, 'scripts', 'build.cjs')
      const child = spawn(process.execPath, [script], { cwd: packageRoot, stdio: 'inherit' })
      const [code] = (await once(child, 'exit')) as [number | null]
      signal.throwIfAborted() // the child got the same Ctrl-C
      if (code !== 0) throw new DimooError('output/failed', `build: expected exit code 0 of ${script}, got ${String(code)}`)
    })
}
