// The arrows of docs/architecture.md: an include or import only goes downwards. Also seen failing on planted violations.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')

/** What each room of csrc/ may include besides itself. */
const below: Readonly<Record<string, readonly string[]>> = {
  base: [],
  source: ['base'],
  image: ['base'],
  device: ['base'],
  cpu: ['device', 'source', 'base'], // source: ggml's block formats, which a device must read and which are described once
  cuda: ['device', 'source', 'base'], // source: as cpu
  model: ['device', 'source', 'base'],
  diffusion: ['base'],
  engine: ['diffusion', 'model', 'device', 'source', 'base'],
  jobs: ['engine', 'diffusion', 'model', 'device', 'source', 'base'],
  napi: ['jobs', 'engine', 'image', 'base'],
}
/** Of source/, what devices may see. */
const blockFormats = ['source/quantize.h', 'source/block_layout.h']
/** The one file that may name the implementations. */
const registry = 'csrc/device/registry.cc'

function files(folder: string, pattern: RegExp): string[] {
  if (!existsSync(path.join(root, folder))) return []
  const names = readdirSync(path.join(root, folder), { recursive: true }) as string[]
  return names.filter((name) => pattern.test(name)).map((name) => path.posix.join(folder, name))
}

function nativeViolations(file: string, text: string): string[] {
  const room = file.startsWith('cuda/') ? 'cuda' : file.split('/')[1]!
  const found: string[] = []
  for (const [, bracket, header] of text.matchAll(/^\s*#include\s*([<"])([^>"]+)[>"]/gm)) {
    if (bracket === '<') {
      if (/^napi|^node_api|^uv\.h/.test(header!) && room !== 'napi') found.push(`${file}: <${header}>`)
      if (/^(cuda|nv|cub|mma)/.test(header!) && room !== 'cuda') found.push(`${file}: <${header}>`)
      continue
    }
    const target = header!.split('/')[0]!
    if (target === room || file === registry) continue
    const seen =
      below[room]?.includes(target) && ((room !== 'cpu' && room !== 'cuda') || target !== 'source' || blockFormats.includes(header!))
    if (!seen) found.push(`${file}: "${header}"`)
  }
  if (/^\s*#\s*if.*(__CUDA|DIMOO_CUDA|DIMOO_WITH)/m.test(text) && room !== 'cuda' && file !== 'csrc/base/host_device.h')
    found.push(`${file}: conditional on CUDA`)
  return found
}

/** What each room of lib/ may import besides itself, types included. What stands in lib/ itself is the public API: it may see everything. */
const lower: Readonly<Record<string, readonly string[]>> = (() => {
  const upwards =
    'base fields native hub image prompt requests parameters run wire tasks snapshot runner client server remote model pool queue cli'
  const order = upwards.split(' ')
  const rooms = Object.fromEntries(order.map((room, i) => [room, order.slice(0, i)]))
  return { ...rooms, hub: ['base', 'fields'] }
})()

/** Every import of a file, as its target is written. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import\(|import|require\()\s*'([^']+)'/g)].map((found) => found[1]!)
}

/**
 * Only native/binding.ts loads the addon (places.ts finds it), only lib/image touches sharp, only lib/cli touches commander, only lib/hub undici, only lib/server
 * fastify and its kin; rooms import downwards.
 */
function scriptViolations(file: string, text: string): string[] {
  const room = file.split('/')[1]!
  const found: string[] = []
  for (const target of importsOf(text)) {
    const forbidden =
      (target === 'node-gyp-build' && file !== 'lib/native/places.ts') ||
      (target === 'sharp' && room !== 'image') ||
      (target === 'undici' && room !== 'hub') ||
      (target === 'commander' && room !== 'cli') ||
      (target.startsWith('@huggingface/') && room !== 'prompt') ||
      (/^(@?fastify|zod|pino|prom-client)/.test(target) && room !== 'server') ||
      (room === 'client' && !target.startsWith('.')) ||
      /\.\.\/(csrc|test|bench)/.test(target) ||
      !isBelow(room, roomOf(file, target))
    if (forbidden) found.push(`${file}: '${target}'`)
  }
  if (text.includes("'node-gyp-build'") && file !== 'lib/native/places.ts') found.push(`${file}: node-gyp-build`)
  return found
}

/** The room of a relative import; undefined for a package. */
function roomOf(file: string, target: string): string | undefined {
  if (!target.startsWith('.')) return undefined
  return path.posix.join(path.posix.dirname(file), target).split('/')[1]
}

function isBelow(room: string, target: string | undefined): boolean {
  if (target === undefined || target === room) return true
  if (room.endsWith('.ts')) return target !== 'cli'
  return lower[room]?.includes(target) ?? false
}

/** A circle of files, each importing the next, or none. */
function circleIn(texts: ReadonlyMap<string, string>): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const target of importsOf(texts.get(file) ?? '').filter((one) => one.startsWith('.'))) {
      const next = path.posix.join(path.posix.dirname(file), target).replace(/\.js$/, '.ts')
      const found = texts.has(next) ? visit(next, [...way, file]) : undefined
      if (found) return found
    }
    done.add(file)
    return undefined
  }
  for (const file of texts.keys()) {
    const found = visit(file, [])
    if (found) return found
  }
  return undefined
}

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

test('C++ includes follow the arrows', () => {
  const sources = [...files('csrc', /\.(cc|h)$/), ...files('cuda', /\.(cu|cuh|h)$/)]
  expect(sources.length).toBeGreaterThan(40)
  expect(sources.flatMap((file) => nativeViolations(file, read(file)))).toEqual([])
})

test('no file of lib imports itself, by whatever way', () => {
  const texts = new Map(files('lib', /\.ts$/).map((file) => [file, read(file)] as const))
  expect(circleIn(texts)).toBeUndefined()
  const planted = new Map(texts).set('lib/base/errors.ts', `${texts.get('lib/base/errors.ts')!}\nimport type {} from './files.js'\n`)
  planted.set('lib/base/files.ts', `${texts.get('lib/base/files.ts')!}\nexport * from './errors.js'\n`)
  expect(circleIn(planted)).toHaveLength(3)
})

/** Files that the API's own file brings along: not what is imported for its types, nor what is loaded when it is needed. */
function broughtAlong(texts: ReadonlyMap<string, string>): string[] {
  const found = new Set(['lib/index.ts'])
  for (const file of found) {
    const text = (texts.get(file) ?? '').replace(/^(?:import|export) type [^']+'[^']+'/gm, '')
    for (const [, target] of text.matchAll(/^(?:import|export|\}) [^'(]*'(\.[^']+)'/gm))
      found.add(path.posix.join(path.posix.dirname(file), target!).replace(/\.js$/, '.ts'))
  }
  return [...found]
}

test('the API brings no room along that only some need', () => {
  const texts = new Map(files('lib', /\.ts$/).map((file) => [file, read(file)] as const))
  const rare = /^lib\/(hub|server|client|remote|pool|queue|cli)\//
  expect(broughtAlong(texts).length).toBeGreaterThan(80)
  expect(broughtAlong(texts).filter((file) => rare.test(file))).toEqual([])
})

test('no file is longer than 400 lines', () => {
  const long = files('lib', /\.ts$/).filter((file) => read(file).split('\n').length > 401)
  expect(long).toEqual([])
})

test('TypeScript imports follow the arrows', () => {
  const sources = files('lib', /\.ts$/)
  expect(sources.length).toBeGreaterThan(20)
  expect(sources.flatMap((file) => scriptViolations(file, read(file)))).toEqual([])
})

test.each([
  ['csrc/base/dtype.cc', '#include "device/device.h"'],
  ['csrc/model/backbone.cc', '#include "cpu/kernels.h"'],
  ['csrc/cpu/unmask.cc', '#include "source/gguf.h"'],
  ['csrc/diffusion/canvas.cc', '#include "model/vq.h"'],
  ['csrc/engine/run.cc', '#include <napi.h>'],
  ['csrc/engine/model.cc', '#include "jobs/previews.h"'],
  ['csrc/jobs/convert.cc', '#include "image/crop.h"'],
  ['csrc/cpu/product.cc', '#include <cuda_runtime.h>'],
  ['csrc/napi/addon.cc', '#include "model/backbone.h"'],
])('a planted include in %s is seen', (file, line) => {
  expect(nativeViolations(file, `${read(file)}\n${line}\n`)).toHaveLength(1)
})

test.each([
  ['lib/model/model.ts', "import sharp from 'sharp'"],
  ['lib/model/load.ts', "import { request } from 'undici'"],
  ['lib/run/decoding-run.ts', "import load from 'node-gyp-build'"],
  ['lib/index.ts', "export * from './cli/main.js'"],
  ['lib/image/read.ts', "import type { Run } from '../run/types.js'"],
  ['lib/tasks/text.ts', "import('../model/load.js')"],
  ['lib/fields/check.ts', "import { binding } from '../native/binding.js'"],
  ['lib/cli/program.ts', "import Fastify from 'fastify'"],
  ['lib/client/http.ts', "import { readFile } from 'node:fs/promises'"],
])('a planted import in %s is seen', (file, line) => {
  expect(scriptViolations(file, `${read(file)}\n${line}\n`).length).toBeGreaterThan(0)
})
