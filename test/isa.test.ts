// Files compiled for one instruction set must define nothing that the linker could take for the whole program: a weak symbol
// (an inline or template function of a header) from such a file would crash older machines. And older machines, emulated by qemu:
// what they have is found, and the best of it forced through the products. (arm64: scripts/arm64-check.sh.)
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const suffixes = /_(avx2|avxvnni|avx512|avx512bf16|avx512vnni|amx)\.cc$/
const objects = readdirSync(path.join(root, 'build/tests/CMakeFiles'), { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.o') && suffixes.test(name.slice(0, -2)),
)

test.skipIf(process.arch !== 'x64')('every instruction set was built', () => {
  const sources = readdirSync(path.join(root, 'csrc/cpu')).filter((name) => suffixes.test(name))
  expect(sources.length).toBeGreaterThan(0)
  expect(objects.map((name) => path.basename(name, '.o')).sort()).toEqual(sources.sort())
})

test.each(objects)('%s has no weak symbols', (name) => {
  const symbols = execFileSync('nm', ['-C', path.join(root, 'build/tests/CMakeFiles', name)], { encoding: 'utf8' })
  expect(symbols).toContain(' T ')
  expect(symbols.split('\n').filter((line) => / [WVu] /.test(line))).toEqual([])
})

const emulated = process.arch === 'x64' && process.platform === 'linux' && spawnSync('qemu-x86_64', ['--version']).status === 0

// qemu has no AVX-512 and no AVX-VNNI; machines that have them run those variants in every native test.
test.skipIf(!emulated).each([
  { cpu: 'Nehalem', expected: 'portable', cases: 'the_machine_has the_environment a_row_never' },
  { cpu: 'max', expected: 'avx2 portable', cases: 'the_machine_has variants_products quantised_activations a_value_that' },
])('qemu: $cpu runs $expected', { timeout: 300_000 }, async ({ cpu, expected, cases }) => {
  const file = path.join(root, 'build/tests/bin/variants_test')
  const env = { ...process.env, DIMOO_EXPECTED_VARIANTS: expected, DIMOO_CPU_VARIANT: expected.split(' ')[0] }
  for (const name of cases.split(' ')) {
    const { stdout } = await promisify(execFile)('qemu-x86_64', ['-cpu', cpu, file, name], { env })
    expect(stdout).toMatch(new RegExp(`^ok ${name}`))
  }
})
