// The program that other platforms' machines run, on this one, with this machine's addon; and what that addon asks of a system.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const exec = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const addon = path.join(root, 'build/Release/dimoo.node')

test('every recorded decoding of the original, through the addon alone', async () => {
  const { stdout } = await exec(process.execPath, [path.join(import.meta.dirname, 'traces.cjs'), addon, path.join(root, 'test/golden')])
  const lines = stdout.trim().split('\n')
  expect(lines[0]).toMatch(/27 traces$/)
  expect(lines.filter((line) => line.startsWith('ok ')).length).toBe(27)
})

test('a decoding that differs in one code is seen', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-traces-'))
  try {
    const golden = path.join(root, 'test/golden')
    symlinkSync(path.join(golden, 'checkpoint'), path.join(folder, 'checkpoint'))
    const trace = JSON.parse(readFileSync(path.join(golden, 't2i_tiny_grid.json'), 'utf8')) as { codes: number[] }
    trace.codes[0] = (trace.codes[0]! + 1) % 2
    writeFileSync(path.join(folder, 't2i_tiny_grid.json'), JSON.stringify(trace))
    const run = exec(process.execPath, [path.join(import.meta.dirname, 'traces.cjs'), addon, folder])
    await expect(run).rejects.toMatchObject({ stderr: expect.stringMatching(/t2i_tiny_grid: codes: expected/) as string })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.runIf(process.platform === 'linux')('glibc 2.34 and the C library alone', async () => {
  const check = (...args: string[]) => exec(process.execPath, [path.join(root, 'scripts/floor-check.mjs'), addon, ...args])
  expect((await check()).stdout).toMatch(/glibc 2\.\d+ at most, libm\.so\.6 /)
  await expect(check('2.2')).rejects.toMatchObject({
    stderr: expect.stringMatching(/expected no glibc newer than 2\.2, got 2\.\d+/) as string,
  })
})
