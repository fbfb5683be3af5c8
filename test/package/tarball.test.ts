// The packed tarball as a user gets it: prebuilt binary inside, installed into an empty project where no compiler can be found, loaded
// with import and with require(), drawing a picture; and the package linters.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

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

beforeAll(async () => {
  // In a copy of the checkout: node-gyp's rebuild wipes build/, which other tests are using.
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
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))
  const env = { ...inherited, PATH: `${root}/node_modules/.bin:${process.env.PATH}` }
  await exec('npm', ['run', 'prebuildify', '--', '--target', process.versions.node], { cwd: copy, env, maxBuffer: 1 << 26 })
  const { stdout } = await exec('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: copy,
    env,
    maxBuffer: 1 << 26,
  })
  tarball = path.join(folder, (JSON.parse(stdout) as [{ filename: string }])[0].filename)
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

test('imports without a compiler and draws', async () => {
  writeFileSync(
    path.join(project, 'draw.mjs'),
    `import { loadModel } from 'lumina-dimoo'
     const model = await loadModel()
     const { image, seed } = await model.generate({ prompt: 'a red circle', steps: 4, seed: 1 }).result()
     console.log(image.width, image.height, image.data.length, seed)
     await model.close()`,
  )
  expect((await node(['draw.mjs'])).stdout).toBe('64 64 12288 1n\n')
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

test('publint and attw have nothing to say', async () => {
  const tool = (name: string): string => path.join(root, 'node_modules/.bin', name)
  await exec(tool('publint'), ['--strict', tarball], { cwd: root })
  await exec(tool('attw'), [tarball, '--profile', 'esm-only'], { cwd: root })
})
