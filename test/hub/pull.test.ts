// A pull that goes well: what lies where, what is fetched once, what is left out, and who is told what.
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { PullProgress } from '../../lib/hub/progress.js'
import { COMMIT, gitId, noise, sha256, TOKEN } from './fake-hub.js'
import { expectWhole, FILES, snapshot, useWorld } from './world.js'

const world = useWorld()

test('brings everything but pickles, in the layout of huggingface_hub', async () => {
  const report = await world.pull()
  expectWhole(world)
  expect(report).toMatchObject({ repo: 'o/r', revision: 'main', commit: COMMIT, refused: ['pytorch_model.bin'], offline: false })
  expect(report.path).toBe(snapshot(world.cache))
  expect(report.fetchedBytes).toBe(report.bytes)
  const model = path.join(report.path, 'model.safetensors')
  const [config, weights] = [FILES[0]!.bytes, FILES[2]!.bytes]
  expect(readlinkSync(model)).toBe(path.join('..', '..', 'blobs', sha256(weights)))
  expect(readlinkSync(path.join(report.path, 'config.json'))).toBe(path.join('..', '..', 'blobs', gitId(config)))
  expect(readFileSync(path.join(world.cache, 'models--o--r/refs/main'), 'utf8')).toBe(COMMIT)
  const tree = JSON.parse(readFileSync(path.join(world.cache, `models--o--r/trees/${COMMIT}.json`), 'utf8')) as object
  expect(tree).toMatchObject({
    format_version: 1,
    files: {
      'model.safetensors': { size: weights.length, lfs_sha256: sha256(weights), lfs_size: weights.length },
      'config.json': { size: config.length, blob_id: gitId(config) },
    },
  })
})

test('a second pull asks for the revision only', async () => {
  await world.pull()
  world.hub.seen.length = 0
  const report = await world.pull()
  expect(report.fetchedBytes).toBe(0)
  expect(world.hub.seen.map(({ url }) => url)).toEqual(['/api/models/o/r/revision/main'])
})

test('a commit is not asked for again', async () => {
  await world.pull(`o/r@${COMMIT}`)
  world.hub.seen.length = 0
  await world.pull(`o/r@${COMMIT}`)
  expect(world.hub.seen).toEqual([])
})

test('takes what Python has fetched', async () => {
  const blobs = path.join(world.cache, 'models--o--r/blobs')
  mkdirSync(blobs, { recursive: true })
  mkdirSync(snapshot(world.cache), { recursive: true })
  writeFileSync(path.join(blobs, sha256(FILES[2]!.bytes)), FILES[2]!.bytes)
  symlinkSync(path.join('..', '..', 'blobs', sha256(FILES[2]!.bytes)), path.join(snapshot(world.cache), 'model.safetensors'))
  await world.pull()
  expectWhole(world)
  expect(world.hub.asked('model.safetensors')).toEqual([])
})

test('a link to a content that is gone is made anew', async () => {
  await world.pull()
  rmSync(path.join(world.cache, 'models--o--r/blobs', sha256(FILES[2]!.bytes)))
  await world.pull()
  expectWhole(world)
})

test('a new commit keeps what did not change', async () => {
  await world.pull()
  world.hub.commit = COMMIT.replace('1', '2')
  world.hub.files = FILES.map((file) => (file.path === 'tokenizer.json' ? { ...file, bytes: noise(500, 9) } : file))
  world.hub.seen.length = 0
  expect((await world.pull()).fetchedBytes).toBe(500)
  expectWhole(world)
  expect(readFileSync(path.join(snapshot(world.cache), 'tokenizer.json')).equals(FILES[1]!.bytes)).toBe(true)
})

test('many pages of files, of which the next may name another host', async () => {
  world.hub.page = 2
  await world.pull()
  expectWhole(world)
})

test('one file, a folder, patterns, revisions', async () => {
  const paths = async (reference: string, options = {}): Promise<string[]> =>
    (await world.pull(reference, options)).files.map((file) => file.path)
  expect(await paths('hf:o/r/model.safetensors')).toEqual(['model.safetensors'])
  expect(await paths('o/r', { file: 'tokenizer.json' })).toEqual(['tokenizer.json'])
  expect(await paths('hf:o/r/vqvae@v1')).toEqual(['vqvae/config.json'])
  expect(await paths('o/r@refs/pr/1', { include: ['*.json'], exclude: ['vq*'] })).toEqual(['config.json', 'tokenizer.json'])
  const { path: folder } = await world.pull('hf:o/r/vqvae')
  expect(folder).toBe(path.join(snapshot(world.cache), 'vqvae'))
  expect(existsSync(path.join(world.cache, 'models--o--r/refs/refs/pr/1'))).toBe(true)
})

test('with one shard come all', async () => {
  world.hub.files = [1, 2, 3]
    .map((i) => ({ path: `q8/x-0000${i}-of-00003.gguf`, bytes: noise(100, i) }))
    .concat([{ path: 'q4/x.gguf', bytes: noise(9) }])
  expect((await world.pull('hf:o/r/q8/x-00001-of-00003.gguf')).files.length).toBe(3)
})

test('a file of many pieces, over several connections', async () => {
  const bytes = noise(70 * 1024 * 1024, 7)
  world.hub.files = [{ path: 'big.gguf', bytes }]
  await world.pull()
  expectWhole(world)
  const ranges = world.hub.asked('big.gguf').map(({ range }) => range)
  expect(ranges.length).toBe(3)
  // The hub itself was asked once a connection at most: the address that it gave serves the rest.
  expect(world.hub.seen.filter(({ url }) => url.includes('/resolve/')).length).toBeLessThanOrEqual(4)
})

test('tells how far it is', async () => {
  world.hub.pace = { chunk: 100_000, ms: 30 }
  const told: PullProgress[] = []
  await world.pull('o/r', { onProgress: (progress) => told.push(progress) })
  expect(told.length).toBeGreaterThan(2)
  expect(told.at(-1)).toMatchObject({ phase: 'download', fraction: 1, secondsLeft: 0, files: 5, filesDone: 5 })
  expect(told.map(({ loadedBytes }) => loadedBytes)).toEqual([...told.map(({ loadedBytes }) => loadedBytes)].sort((a, b) => a - b))
  expect(told.some(({ bytesPerSecond, secondsLeft }) => bytesPerSecond > 0 && secondsLeft > 0 && secondsLeft < 60)).toBe(true)
})

describe('the token', () => {
  test('goes to the hub and not where it redirects to', async () => {
    await world.pull('o/r', { token: TOKEN })
    const by = (port: string): unknown[] => [
      ...new Set(world.hub.seen.filter((seen) => seen.port === port).map((seen) => seen.authorization)),
    ]
    expect(by('hub')).toEqual([`Bearer ${TOKEN}`])
    expect(by('storage')).toEqual([undefined])
  })

  test('comes from HF_TOKEN or from the file that logging in wrote', async () => {
    vi.stubEnv('HF_TOKEN', 'from-variable')
    await world.pull()
    expect(world.hub.seen[0]!.authorization).toBe('Bearer from-variable')
    vi.stubEnv('HF_TOKEN', '')
    vi.stubEnv('HF_HOME', world.cache)
    writeFileSync(path.join(world.cache, 'token'), 'from-file\n')
    await world.pull()
    expect(world.hub.seen.at(-1)!.authorization).toBe('Bearer from-file')
  })
})

test('HF_HOME, HF_HUB_CACHE and HF_ENDPOINT', async () => {
  vi.stubEnv('HF_HOME', path.join(world.cache, 'home'))
  vi.stubEnv('HF_ENDPOINT', `${world.hub.endpoint}/`)
  const options = { endpoint: undefined, cache: undefined } as object
  expect((await world.pull('o/r', options)).path).toBe(snapshot(path.join(world.cache, 'home/hub')))
  vi.stubEnv('HF_HUB_CACHE', path.join(world.cache, 'elsewhere'))
  expect((await world.pull('o/r', options)).path).toBe(snapshot(path.join(world.cache, 'elsewhere')))
})

test('offline: what is in the cache, and a sentence for the rest', async () => {
  await world.pull('hf:o/r/config.json')
  world.hub.seen.length = 0
  vi.stubEnv('HF_HUB_OFFLINE', '1')
  expect(await world.pull('hf:o/r/config.json')).toMatchObject({ offline: true, fetchedBytes: 0 })
  await expect(world.pull()).rejects.toMatchObject({
    code: 'hub/unavailable',
    message: expect.stringMatching(/not to be asked \(HF_HUB_OFFLINE\); 4 of its files are missing/) as string,
  })
  await expect(world.pull('o/other')).rejects.toMatchObject({
    code: 'hub/unavailable',
    message: expect.stringMatching(/nothing of it is there/) as string,
  })
  expect(world.hub.seen).toEqual([])
})

test('offline: what Python has fetched, without a list of what there is', async () => {
  await world.pull()
  rmSync(path.join(world.cache, 'models--o--r/trees'), { recursive: true })
  expect((await world.pull('o/r', { offline: true })).files.length).toBe(5)
})

test('a hub that is down does not keep what is whole', async () => {
  await world.pull()
  await world.hub.stop()
  expect(await world.pull()).toMatchObject({ offline: true, commit: COMMIT })
  await expect(world.pull('o/r', { file: 'pytorch_model.bin' })).rejects.toMatchObject({ code: 'hub/unavailable' })
})

test('a snapshot of plain files, as where no links can be made, is as good', async () => {
  const { RepoCache } = await import('../../lib/hub/cache.js')
  await world.pull()
  expect(lstatSync(path.join(snapshot(world.cache), 'config.json')).isSymbolicLink()).toBe(true)
  const file = path.join(snapshot(world.cache), 'config.json')
  rmSync(file)
  writeFileSync(file, FILES[0]!.bytes)
  rmSync(new RepoCache(world.cache, 'o/r').blobPath(gitId(FILES[0]!.bytes)))
  expect((await world.pull()).fetchedBytes).toBe(0)
})
