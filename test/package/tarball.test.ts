// The packed tarball as a user gets it: prebuilt binary inside, installed into an empty project where no compiler can be found, loaded
// with import and with require(), drawing a picture; installed by npm into a fresh project that fetches a model; and the package linters.
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkpointFiles } from '../hub/checkpoint.js'
import { FakeHub } from '../hub/fake-hub.js'

const exec = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-package-'))
const project = path.join(folder, 'project')
const copy = path.join(folder, 'checkout')
let tarball = ''

/** PATH with node and a shell, and nothing that compiles. */
const bin = path.join(folder, 'bin')
const bare = {
  PATH: bin,
  HOME: folder,
  npm_config_offline: 'true',
  npm_config_cache: process.env.npm_config_cache ?? path.join(process.env.HOME ?? '/root', '.npm'),
}

const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))

/** Hooks of the checkout have run already, or are not wanted. */
async function pack(into: string): Promise<string> {
  const { stdout } = await exec('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', into], {
    cwd: copy,
    env: inherited,
    maxBuffer: 1 << 26,
  })
  return path.join(into, (JSON.parse(stdout) as [{ filename: string }])[0].filename)
}

beforeAll(async () => {
  // In a copy of the checkout, with the addon that the other tests use.
  const { stdout: listed } = await exec('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    maxBuffer: 1 << 26,
  })
  const wanted = listed
    .split('\0')
    .filter((file) => /^(csrc|cuda|cmake|scripts|models|docs|bench)\/|^[^/]+$/.test(file) && existsSync(path.join(root, file)))
  for (const file of wanted) cpSync(path.join(root, file), path.join(copy, file))
  cpSync(path.join(root, 'dist'), path.join(copy, 'dist'), { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  const target = `${process.platform}-${process.arch}`
  await exec(process.execPath, ['scripts/prebuild.mjs', target, path.join(root, 'build/Release/dimoo.node')], { cwd: copy })
  await exec(process.execPath, ['scripts/published.cjs', 'strip'], { cwd: copy })
  tarball = await pack(folder)
  mkdirSync(project)
  mkdirSync(bin)
  for (const tool of ['node', 'sh', 'env']) symlinkSync((await exec('which', [tool])).stdout.trim(), path.join(bin, tool))
  writeFileSync(path.join(project, 'package.json'), '{ "name": "empty", "private": true }')
  // Dependencies come from this checkout's node_modules, so that the test needs no registry.
  const locals = ['node-gyp-build', 'node-addon-api', 'node-api-headers', 'sharp', 'commander', 'undici', '@huggingface/tokenizers']
  await exec('tar', ['-xzf', tarball, '-C', folder])
  mkdirSync(path.join(project, 'node_modules/@huggingface'), { recursive: true })
  for (const name of locals) symlinkSync(path.join(root, 'node_modules', name), path.join(project, 'node_modules', name))
  await exec('mv', [path.join(folder, 'package'), path.join(project, 'node_modules/lumina-dimoo')])
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const node = (args: string[]): ReturnType<typeof exec> => exec(path.join(bin, 'node'), args, { cwd: project, env: bare })

test('holds the binary, the miniature and the sources, and stays small', () => {
  const inside = path.join(project, 'node_modules/lumina-dimoo')
  const platform = readdirSync(path.join(inside, 'prebuilds'))[0]!
  expect(readdirSync(path.join(inside, 'prebuilds', platform)).some((name) => name.endsWith('.node'))).toBe(true)
  for (const name of [
    'dist/index.js',
    'dist/cli/main.js',
    'dist/pool/main.js',
    'models/miniature.gguf',
    'CMakeLists.txt',
    'csrc/engine/engine.cc',
    'scripts/build.cjs',
    'LICENSE',
  ]) {
    expect(existsSync(path.join(inside, name)), name).toBe(true)
  }
  for (const name of ['test', 'bench/native', 'build']) expect(existsSync(path.join(inside, name)), name).toBe(false)
  expect(statSync(tarball).size).toBeLessThan(40 * 2 ** 20)
})

test('the entries ship as bundles: few files are loaded, and no module stands there twice', async () => {
  const { entries } = (await import(pathToFileURL(path.join(root, 'scripts/bundle.mjs')).href)) as { entries: string[] }
  const dist = path.join(project, 'node_modules/lumina-dimoo/dist')
  const scripts = readdirSync(dist, { recursive: true }).map(String)
  const loose = scripts.filter((name) => name.endsWith('.js') && !/^(chunks|studio)\b/.test(name))
  expect(loose.toSorted()).toEqual(entries.toSorted())
  const loadedBy = (entry: string): Set<string> => {
    const seen = new Set<string>()
    const visit = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      const text = readFileSync(file, 'utf8')
      for (const [, other] of text.matchAll(/^import (?:.* from )?"(\.[^"]+)";$/gm)) visit(path.resolve(path.dirname(file), other!))
    }
    visit(path.join(dist, entry))
    return seen
  }
  expect(loadedBy('index.js').size).toBeGreaterThan(1)
  for (const entry of ['index.js', 'client/index.js', 'cli/main.js']) expect(loadedBy(entry).size, entry).toBeLessThanOrEqual(6)
})

test('imports without a compiler and draws', async () => {
  writeFileSync(
    path.join(project, 'draw.mjs'),
    `import { loadModel } from 'lumina-dimoo'
     const model = await loadModel()
     const { image, seed } = await model.generate({ prompt: 'a red circle', steps: 4, seed: 1 }).result()
     console.log(image.width, image.height, image.data.length, seed)
     await model.close()`,
  )
  expect((await node(['draw.mjs'])).stdout).toBe('64 64 12288 1\n')
})

test('require() gives the same module', async () => {
  const { stdout } = await node([
    '-e',
    `const d = require('lumina-dimoo'); import('lumina-dimoo').then((m) => console.log(typeof d.loadModel, m.loadModel === d.loadModel))`,
  ])
  expect(stdout).toBe('function true\n')
})

test('the command runs', async () => {
  const cli = path.join(project, 'node_modules/lumina-dimoo/dist/cli/main.js')
  expect((await node([cli, '--version'])).stdout).toMatch(/^\d+\.\d+\.\d+/)
  await node([cli, 'generate', 'a blue square', '-o', 'out.png', '--steps', '4', '--seed', '1'])
  expect(existsSync(path.join(project, 'out.png'))).toBe(true)
})

test('a build without compiler says what is missing', async () => {
  const cli = path.join(project, 'node_modules/lumina-dimoo/dist/cli/main.js')
  await expect(node([cli, 'build'])).rejects.toMatchObject({
    stderr: expect.stringMatching(/needs .*cmake.*not found.*apt-get install/s) as string,
  })
})

test('packed again it is the same bytes', async () => {
  mkdirSync(path.join(folder, 'again'))
  expect(readFileSync(await pack(path.join(folder, 'again'))).equals(readFileSync(tarball))).toBe(true)
})

test('its package.json asks for nothing that only a checkout has, and the checkout gets its own back', async () => {
  const manifest = JSON.parse(readFileSync(path.join(project, 'node_modules/lumina-dimoo/package.json'), 'utf8')) as object
  expect(Object.keys(manifest)).not.toContain('scripts')
  expect(Object.keys(manifest)).not.toContain('devDependencies')
  for (const field of ['repository', 'homepage', 'bugs']) expect(manifest).toHaveProperty(field)
  await exec(process.execPath, ['scripts/published.cjs', 'restore'], { cwd: copy })
  expect(readFileSync(path.join(copy, 'package.json'), 'utf8')).toBe(readFileSync(path.join(root, 'package.json'), 'utf8'))
})

describe('a fresh project', () => {
  const fresh = path.join(folder, 'fresh')
  let hub: FakeHub
  beforeAll(async () => {
    mkdirSync(fresh)
    writeFileSync(path.join(fresh, 'package.json'), '{ "name": "fresh", "private": true }')
    hub = await FakeHub.start(checkpointFiles())
  })
  afterAll(() => hub.stop())
  const shell = (command: string): ReturnType<typeof exec> =>
    exec('sh', ['-c', command], {
      cwd: fresh,
      env: { ...inherited, HF_ENDPOINT: hub.endpoint, HF_HOME: path.join(folder, 'hf') },
      maxBuffer: 1 << 26,
    })

  test('npm i, npx dimoo pull, npx dimoo generate: three commands to a picture', { timeout: 300_000 }, async () => {
    const install = await shell(`npm i --no-audit --no-fund --prefer-offline '${tarball}'`)
    expect(String(install.stderr)).toBe('')
    const pulled = await shell('npx dimoo pull o/r')
    expect(String(pulled.stdout)).toMatch(/12 files, .* fetched/)
    await shell('npx dimoo generate "a red circle" --model hf:o/r --size 64x64 --steps 2 -o out.png')
    expect(readFileSync(path.join(fresh, 'out.png')).subarray(1, 4).toString()).toBe('PNG')
  })

  test('all of it, the server and its packages included, takes less than 85 MB', () => {
    const files = readdirSync(path.join(fresh, 'node_modules'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(path.join(parentPath, name)).size, 0)
    expect(bytes).toBeGreaterThan(10e6)
    expect(bytes).toBeLessThan(85e6)
  })
})

test('publint and attw have nothing to say', async () => {
  const tool = (name: string): string => path.join(root, 'node_modules/.bin', name)
  await exec(tool('publint'), ['--strict', tarball], { cwd: root })
  await exec(tool('attw'), [tarball, '--profile', 'esm-only'], { cwd: root })
})
