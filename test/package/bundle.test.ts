// The package inside a bundle that esbuild made, which moves our modules away from the addon, the model and each other (docs/bundling.md).
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { places } from '../../lib/native/places.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-bundle-'))
const [own] = places('')
const addon = 'file' in own! ? own.file : ''
const model = path.join(root, 'models/miniature.gguf')
afterAll(() => rmSync(folder, { recursive: true }))

// A short prompt is tokenised at once, a long one in a worker thread.
const program = `
import { loadModel } from ${JSON.stringify(path.join(root, 'dist/index.js'))}
const main = async () => {
  const model = await loadModel(${JSON.stringify(model)})
  const { image } = await model.generate({ prompt: 'a red circle', steps: 2, seed: 1 }).result()
  const ids = await model.tokenize('a red circle, '.repeat(200))
  await model.close()
  console.log(JSON.stringify({ width: image.width, ids: ids.length }))
}
main().catch((error) => console.log(JSON.stringify({ code: error.code, attempts: error.attempts, message: error.message })))
`

async function run(app: string, name: string, env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(app, name)], {
    cwd: tmpdir(),
    env: { ...process.env, LUMINA_DIMOO_PREBUILD: '', ...env },
  })
  return JSON.parse(stdout) as Record<string, unknown>
}

describe.each([
  ['esm', 'app.mjs'],
  ['cjs', 'app.cjs'],
] as const)('%s', (format, name) => {
  const app = path.join(folder, format)

  beforeAll(async () => {
    mkdirSync(path.join(app, 'dist'), { recursive: true })
    writeFileSync(path.join(app, 'package.json'), '{"name":"app"}')
    await build({
      stdin: { contents: program, resolveDir: app },
      outfile: path.join(app, 'dist', name),
      bundle: true,
      platform: 'node',
      format,
      external: ['sharp', 'node-gyp-build'],
      logLevel: 'error',
      // Of esbuild itself: CommonJS within an ES module.
      ...(format === 'esm' && {
        banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
      }),
    })
    // What a bundle leaves outside: sharp and node-gyp-build, here those of the checkout.
    mkdirSync(path.join(app, 'node_modules'))
    for (const one of ['sharp', '@img', 'detect-libc', 'semver', 'node-gyp-build']) {
      symlinkSync(path.join(root, 'node_modules', one), path.join(app, 'node_modules', one))
    }
  })

  test('without an addon the error says what was really tried', async () => {
    const found = await run(app, `dist/${name}`)
    expect(found).toMatchObject({ code: 'binding/not-found', message: expect.stringContaining('LUMINA_DIMOO_PREBUILD') as unknown })
    const named = await run(app, `dist/${name}`, { LUMINA_DIMOO_PREBUILD: path.join(app, 'nowhere.node') })
    expect(named).toMatchObject({
      code: 'binding/not-found',
      attempts: [{ path: path.join(app, 'nowhere.node'), message: 'is not there' }],
    })
  })

  test.each([
    ['a .node file', addon],
    ['a folder with one', path.dirname(addon)],
    ['a checkout', root],
  ])('LUMINA_DIMOO_PREBUILD names %s', async (_, place) => {
    expect(await run(app, `dist/${name}`, { LUMINA_DIMOO_PREBUILD: place })).toEqual({ width: 64, ids: expect.any(Number) as unknown })
  })

  test('an addon that was copied beside is found', async () => {
    mkdirSync(path.join(app, 'build/Release'), { recursive: true })
    copyFileSync(addon, path.join(app, 'build/Release/dimoo.node'))
    expect(await run(app, `dist/${name}`)).toEqual({ width: 64, ids: expect.any(Number) as unknown })
  })
})
