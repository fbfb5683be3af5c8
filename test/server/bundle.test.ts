// The client in a browser: one small file without anything of Node's; and the package itself, which loads neither the server nor what it
// stands on.
import { build } from 'esbuild'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')

test('is bundled for browsers: under 15 kB gzipped, no import of Node', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [path.join(root, 'lib/client/index.ts')],
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
  })
  const { text } = outputFiles[0]!
  expect(gzipSync(text).length).toBeLessThan(15_000)
  expect(text).not.toMatch(/node:|\brequire\(/)
  expect(
    Object.values(metafile.inputs)
      .flatMap(({ imports }) => imports)
      .filter(({ external }) => external),
  ).toEqual([])
  const rooms = new Set(Object.keys(metafile.inputs).map((file) => /lib\/(\w+)\//.exec(file)![1]))
  for (const room of ['native', 'image', 'server', 'model', 'tasks']) expect(rooms.has(room), room).toBe(false)
})

test('importing the package loads nothing of the server', async () => {
  const script = `
    const { registerHooks } = await import('node:module')
    import { createRequire } from 'node:module'
    await import(${JSON.stringify(path.join(root, 'dist/index.js'))})
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => /node_modules/.test(file))
    console.log(JSON.stringify(loaded.map((file) => /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(file)[1])))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: root })
  expect((JSON.parse(stdout) as string[]).filter((name) => /fastify|zod|pino|prom-client/.test(name))).toEqual([])
})
