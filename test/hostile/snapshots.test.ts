// Forged snapshots (snapshots.mjs, forged.mjs): refused or decoded, and the process lives.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const script = path.join(import.meta.dirname, 'snapshots.mjs')

test('no forged snapshot ends the process, holds its loop or takes its memory', { timeout: 600_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script], { maxBuffer: 1 << 24 }).catch(
    (error: unknown) => error as { stdout: string },
  )
  expect(stdout.split('\n').filter((line) => line.startsWith('WRONG'))).toEqual([])
  expect(stdout).toMatch(/\n(\d+) of \1 right/)
})
