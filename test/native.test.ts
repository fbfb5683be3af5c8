// Every native test executable (test/native, built by scripts/build.cjs --tests), one vitest test per case.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const run = promisify(execFile)
const folder = path.resolve(import.meta.dirname, '../build/tests/bin')
const sources = readdirSync(path.join(import.meta.dirname, 'native')).filter((name) => name.endsWith('_test.cc'))

test('every test file was built', () => {
  const missing = sources.filter((name) => !existsSync(path.join(folder, name.replace('.cc', ''))))
  expect(missing, 'run: node scripts/build.cjs --tests').toEqual([])
})

for (const source of sources) {
  const file = path.join(folder, source.replace('.cc', ''))
  if (!existsSync(file)) continue
  describe(source, () => {
    const cases = execFileSync(file, ['--list'], { encoding: 'utf8' }).trim().split('\n')
    test.for(cases)('%s', { timeout: 300_000 }, async (name, { skip }) => {
      const output = await run(file, [`=${name}`], { maxBuffer: 1 << 24 }).catch(
        (error: unknown) => error as { stdout: string; stderr: string },
      )
      const skipped = new RegExp(`^skipped ${name}: (.*)$`, 'm').exec(output.stdout)
      if (skipped) skip(skipped[1])
      expect(`${output.stdout}${output.stderr}`).toContain(`ok ${name}\n`)
      expect(output.stdout).not.toContain('not ok')
    })
  })
}
