// What each weight type costs in accuracy, by variant, and beside ggml's own quantiser where node-llama-cpp's binaries are here:
//   node bench/types.mjs [--package node_modules/node-llama-cpp] [--output bench/results/types.json]
// The golden checkpoints' rows are too short for blocks of 256, so a random `synth tiny` stands beside them.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { buildBench, options, root } from './driver.mjs'
import { findPackage } from './llama/build.mjs'

const given = options({ package: undefined, build: 'build/bench', output: path.join(root, 'bench/results/types.json') })
const work = mkdtempSync(path.join(os.tmpdir(), 'dimoo-types-'))
try {
  const program = buildBench(given.build, 'types_bench')
  const model = path.join(work, 'tiny.gguf')
  execFileSync(process.execPath, ['dist/cli/main.js', 'synth', 'tiny', '-o', model, '--type', 'f32'], { cwd: root, stdio: 'ignore' })
  const bundled = findPackage(given.package)
  const ggml = bundled && path.join(bundled, `../@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so`)
  const has = ggml !== undefined && existsSync(ggml)
  if (!has) console.error("ggml's quantiser is not here: its errors on whole models are left out")
  const output = execFileSync(program, [model, ...(has ? ['--ggml', ggml] : [])], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  writeFileSync(given.output, `${JSON.stringify(JSON.parse(output), null, 2)}\n`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
