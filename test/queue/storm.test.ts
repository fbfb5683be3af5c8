// A short storm of bench/queue.mjs: workers as processes that are killed one after the other, one that is stopped longer than its lock lasts and
// comes back, a Redis that is away, a disk that is full now and then. Its bounds on time are wide: speed is measured there, not here.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

interface Report {
  readonly jobs: number
  readonly failed: readonly string[]
  readonly checks: Readonly<Record<string, boolean>>
  readonly kills: number
  readonly stalls: number
  readonly cancelled: number
  readonly zombie: { readonly jobs?: number }
  readonly twice: { readonly worstOverMs?: number }
  readonly cancelMs: readonly number[]
}

test('every run of a storm ends once, with the bits of one alone', { timeout: 420_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-storm-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const out = path.join(folder, 'report.json')
  const bench = path.resolve(import.meta.dirname, '../../bench/queue.mjs')
  const how = { jobs: 28, workers: 3, kill: 1500, stop: 21_000, away: 3000, limit: 300, out }
  const args = Object.entries(how).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(process.execPath, [bench, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(() => void child.kill('SIGTERM'))
  await once(child, 'exit')
  const { jobs, failed, checks, kills, cancelled, zombie, twice, cancelMs } = JSON.parse(readFileSync(out, 'utf8')) as Report
  expect(failed).toEqual([])
  expect(checks).toMatchObject({ everyRunEnds: true, once: true, sameBits: true, memoryFlat: true })
  expect(kills).toBeGreaterThan(2)
  expect(zombie.jobs).toBeGreaterThan(0)
  expect(cancelled).toBeLessThanOrEqual(Math.floor(jobs / 25)) // one in so many is asked to end
  expect(twice.worstOverMs ?? 0).toBeLessThan(10_000)
  expect(Math.max(...cancelMs)).toBeLessThan(10_000)
})
