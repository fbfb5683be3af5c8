// Files compiled for one instruction set must define nothing that the linker could take for the whole program: a weak symbol
// (an inline or template function of a header) from such a file would crash older machines.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const suffixes = /_(avx2|avxvnni|avx512|avx512bf16|avx512vnni)\.cc$/
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
