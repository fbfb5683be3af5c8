// What the hub's tests share: a small repository, a cache of its own for each test, an environment without the developer's settings.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type { Patience } from '../../lib/hub/patience.js'
import { pullWith, type PullOptions, type PullReport } from '../../lib/hub/pull.js'
import { COMMIT, FakeHub, noise, type FakeFile } from './fake-hub.js'

export const QUICK: Patience = { retries: 5, pauseMs: 2, longestPauseMs: 5000 }

export const FILES: readonly FakeFile[] = [
  { path: 'config.json', bytes: Buffer.from('{"model_type": "llada"}\n'), git: true },
  { path: 'tokenizer.json', bytes: noise(300_000, 3) },
  { path: 'model.safetensors', bytes: noise(1_000_000, 4) },
  { path: 'vqvae/config.json', bytes: Buffer.from('{}'), git: true },
  { path: 'pytorch_model.bin', bytes: noise(1000, 5) },
  { path: 'empty.txt', bytes: Buffer.alloc(0), git: true },
]

export interface World {
  hub: FakeHub
  cache: string
  pull(reference?: string, options?: PullOptions): Promise<PullReport>
}

const VARIABLES = /^(HF_|HUGGING|TRANSFORMERS_OFFLINE$|XDG_CACHE_HOME$|(https?|all|no)_proxy$)/i

/** One world a test. */
export function useWorld(files = FILES, options: { readonly prefix?: string } = {}): World {
  const world = {} as World
  beforeEach(async () => {
    for (const name of Object.keys(process.env)) if (VARIABLES.test(name)) vi.stubEnv(name, '')
    world.hub = await FakeHub.start(files, options)
    world.cache = mkdtempSync(path.join(tmpdir(), 'dimoo-hub-'))
    world.pull = (reference = 'o/r', more = {}) => pullWith(reference, { endpoint: world.hub.endpoint, cache: world.cache, ...more }, QUICK)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await world.hub.stop()
    rmSync(world.cache, { recursive: true, force: true })
  })
  return world
}

export function snapshot(cache: string, commit = COMMIT): string {
  return path.join(cache, 'models--o--r', 'snapshots', commit)
}

/** The snapshot holds exactly what the hub has, pickles aside, and nothing unfinished lies about. */
export function expectWhole(world: World, files = world.hub.files.filter(({ path: name }) => !name.endsWith('.bin'))): void {
  const folder = snapshot(world.cache, world.hub.commit)
  for (const file of files) expect(readFileSync(path.join(folder, file.path)).equals(file.bytes), file.path).toBe(true)
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !statSync(path.join(folder, name)).isDirectory(),
  )
  expect(names.map((name) => name.split(path.sep).join('/')).sort()).toEqual(files.map((file) => file.path).sort())
  expectTidy(world)
}

/** Neither locks nor parts of files. */
export function expectTidy({ cache }: World): void {
  const left = existsSync(cache)
    ? readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((name) => /\.dimoo|\.tmp$/.test(name))
    : []
  expect(left).toEqual([])
}
