// Loading, devices, jobs and errors over a fake addon: what is refused, with which code, before anything is done.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { asked, behaviour, fake, imageRuns, nativeError, reset } from './fake-binding.js'

vi.mock('../../lib/native/binding.js', async (original) => ({ ...(await original<object>()), binding: () => fake }))
const { BindingError, convert, DimooError, exportModel, inspectDevices, inspectModel, loadModel, OutOfMemoryError, planMemory, synth } =
  await import('../../lib/index.js')
const { bindingError } = await import('../../lib/native/binding-error.js')
const { places } = await import('../../lib/native/places.js')

const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-load-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = path.join(folder, 'model.gguf')
writeFileSync(file, 'GGUF')
const gpu = { id: 'cuda:0', usable: true, name: 'H', totalBytes: 9, freeBytes: 8 }
const oldDriver = { ...gpu, usable: false, reason: 'driver-too-old', driverVersion: '470' }

beforeEach(reset)

describe('sources', () => {
  test('a path, a URL, and the miniature', async () => {
    for (const source of [file, pathToFileURL(file), undefined]) await (await loadModel(source, { device: 'cpu' })).close()
    const [one, two, embedded] = asked.load.map((options) => String(options['source']))
    expect([one, two]).toEqual([file, file])
    expect(embedded).toMatch(/models[/\\]miniature\.gguf$/)
  })

  test.each<[unknown, string, RegExp]>([
    [path.join(folder, 'none.gguf'), 'model/not-found', /none\.gguf/],
    ['Alpha-VLLM/Lumina-DiMOO', 'request/invalid', /'hf:Alpha-VLLM\/Lumina-DiMOO' for the model of that name on the Hub/],
    ['https://example.com/m.gguf', 'request/invalid', /must be a path/],
    [new URL('https://example.com/m.gguf'), 'request/invalid', /got one of https:/],
    ['', 'request/invalid', /got ''/],
    [7, 'request/invalid', /got 7/],
  ])('%s is refused', async (source, code, message) => {
    await expect(loadModel(source as string)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown })
    expect(asked.load).toHaveLength(0)
  })
})

describe('options', () => {
  test('reach the addon complete', async () => {
    await (
      await loadModel(file, {
        device: 'cpu',
        threads: 2,
        memory: { panelBytes: 5 },
        compat: 'reference',
        scheduler: { maxQueue: 0, maxQueueMs: 5, policy: 'fifo', batchWindowMs: 2 },
        verify: 'full',
      })
    ).close()
    expect(asked.load[0]).toEqual({
      source: file,
      device: 'cpu',
      precision: 'fast',
      threads: 2,
      verify: 'full',
      panelBytes: 5,
      maxQueue: Number.MAX_SAFE_INTEGER, // admission is on this side
      policy: 'fifo',
      batchWindowMs: 2,
    })
  })

  test.each<[object, RegExp]>([
    [{ threads: 0 }, /loadModel: threads must be an integer from 1 to 1024, got 0/],
    [{ device: 'gpu' }, /device must be auto, cpu, cuda or cuda:N, got 'gpu'/],
    [{ memory: { panels: 1 } }, /loadModel: memory: unknown option 'panels'; known are maxHostBytes/],
    [{ memory: { panelBytes: -1 } }, /panelBytes must be an integer of at least 0, got -1/],
    [{ logger: {} }, /logger must be an object with the functions debug/],
    [{ compat: 'original' }, /compat must be one of 'none', 'reference', got 'original'/],
    [{ scheduler: { policy: 'lifo' } }, /scheduler: policy must be one of 'fifo', 'fair', 'shortest-remaining', got 'lifo'/],
    [{ signal: {} }, /signal must be an AbortSignal, got an object/],
  ])('%o is refused', async (options, message) => {
    await expect(loadModel(file, options)).rejects.toMatchObject({
      code: 'request/invalid',
      message: expect.stringMatching(message) as unknown,
    })
  })

  test('an abort rejects with its reason, before and during', async () => {
    await expect(loadModel(file, { signal: AbortSignal.abort('no') })).rejects.toBe('no')
    const controller = new AbortController()
    const loading = loadModel(file, { device: 'cpu', signal: controller.signal })
    controller.abort('changed my mind')
    await expect(loading).rejects.toBe('changed my mind')
  })
})

describe('devices', () => {
  test.each([
    ['auto', [{ id: 'cpu', usable: true }, gpu], 'cpu'],
    [
      'auto',
      [
        { id: 'cpu', usable: true },
        { ...gpu, usable: false, reason: 'not-built' },
      ],
      'cpu',
    ],
    ['cuda', [gpu, { ...gpu, id: 'cuda:1' }], 'cuda:0'],
    ['cuda:1', [gpu, { ...gpu, id: 'cuda:1' }], 'cuda:1'],
  ])('%s chooses among what there is', async (device, devices, expected) => {
    behaviour.devices = devices
    await (await loadModel(file, { device: device as 'auto' })).close()
    expect(asked.load[0]).toMatchObject({ device: expected })
  })

  test('a named device that is absent is an error, unless told otherwise', async () => {
    behaviour.devices = [{ id: 'cpu', usable: true }, oldDriver]
    await expect(loadModel(file, { device: 'cuda' })).rejects.toMatchObject({
      code: 'device/unavailable',
      message: expect.stringMatching(/driver-too-old/) as unknown,
    })
    const warnings: string[] = []
    const none = (): void => undefined
    const logger = {
      debug: none,
      info: none,
      error: none,
      warn: (_: object, message?: string) => void warnings.push(message!),
    }
    for (const options of [
      { device: 'auto' },
      { device: 'cuda', onDeviceUnavailable: 'warn' },
      { device: 'cuda', onDeviceUnavailable: 'ignore' },
    ] as const) {
      await (await loadModel(file, { ...options, logger })).close()
    }
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toMatch(/driver-too-old.*using the CPU/)
  })

  test.each([
    ['not-built', /got not-built.*: CUDA is not compiled in; DIMOO_CUDA=1 npx dimoo build does/],
    ['no-driver', /got no-driver.*: there is no NVIDIA driver; install one/],
    ['disabled-by-env', /got disabled-by-env.*: DIMOO_DEVICE=cpu forbids it; unset that variable/],
  ] as const)('%s: the message says what to do', async (reason, message) => {
    behaviour.devices = [
      { id: 'cpu', usable: true },
      { ...gpu, usable: false, reason },
    ]
    await expect(loadModel(file, { device: 'cuda:0' })).rejects.toThrow(message)
    await expect(loadModel(file, { device: 'cuda:7' })).rejects.toThrow(/device 'cuda:7': expected a usable GPU, got none of that number/)
  })

  test('inspectDevices never rejects', async () => {
    const job = fake.job.bind(fake)
    fake.job = () => {
      throw new BindingError('binding/not-found', 'no binary', [])
    }
    expect(await inspectDevices()).toEqual([expect.objectContaining({ id: 'cpu', usable: false, name: 'no binary' })])
    fake.job = job
  })
})

describe('jobs', () => {
  test('inspect, convert, export and synth pass complete options', async () => {
    await inspectModel(file, { verify: true })
    const progress: object[] = []
    await convert(file, 'out.gguf', { type: 'q4_k', onProgress: (p) => progress.push(p) })
    await exportModel(file, 'out', { type: 'f16' })
    await synth('tiny', 'out.gguf', { seed: 2n ** 64n - 1n })
    const source = file
    const output = path.resolve('out.gguf')
    expect(asked.jobs.map(({ name, options }) => [name, options])).toEqual([
      ['inspect', { source, verify: true }],
      ['convert', { source, output, type: 'q4_k' }],
      ['export', { source, output: path.resolve('out'), type: 'f16' }],
      ['synth', { shape: 'tiny', output, type: 'bf16', seed: '18446744073709551615' }],
    ])
    expect(progress).toEqual([{ phase: 'read', loadedBytes: 1, totalBytes: 4, fraction: 0.25 }])
  })

  test('a plan opens the checkpoint without binding it, and asks for the requests that would run', async () => {
    const picture = { task: 'generate', request: { prompt: 'a red circle', width: 64, n: 3, seed: 1 } } as const
    const answer = { task: 'chat', request: { messages: [{ role: 'user', content: 'Why?' }], length: 24, block: 12, seed: 1 } } as const
    const plan = await planMemory(file, [picture, answer], { device: 'cpu', memory: { panelBytes: 1 }, scheduler: { maxRowsPerPass: 9 } })
    expect(plan).toMatchObject({ totalBytes: 6, fits: true, warnings: [] })
    expect(asked.load).toEqual([
      expect.objectContaining({ source: file, device: 'cpu', use: 'plans', verify: 'sizes', panelBytes: 1, maxRowsPerPass: 9 }),
    ])
    const model = await loadModel(file, { device: 'cpu' })
    await Promise.all([model.run('generate', picture.request).result(), model.run('chat', answer.request).result()])
    await model.close()
    expect(asked.plans).toEqual([asked.runs])
    expect(asked.plans[0]!.map(({ kind, seeds }) => [kind, seeds.length])).toEqual([
      ['image', 3],
      ['text', 1],
    ])
    expect(asked.closed).toBe(2)
  })

  test('what is planned is checked as what is run, and named where there are several', async () => {
    const good = { task: 'generate', request: { prompt: 'x' } } as const
    const refused: [unknown, RegExp][] = [
      [undefined, /^planMemory: runs must be an array of one or more \{task, request\}, got undefined$/],
      [[], /one or more \{task, request\}, got/],
      [[7], /^planMemory: runs\[0\]: expected an object/],
      [[{ width: 64 }], /^planMemory: runs\[0\]: unknown option 'width'/],
      [[{ task: 'generate' }], /^planMemory: runs\[0\]: .*request/],
      [[good, { task: 'paint', request: {} }], /^planMemory: runs\[1\]: run: task must be one of 'generate'.*got 'paint'$/],
      [[{ task: 'generate', request: { prompt: 'x', n: 0 } }], /^generate: n must be .*got 0$/],
      [[good, { task: 'generate', request: { prompt: 'x', n: 0 } }], /^planMemory: runs\[1\]: generate: n must be .*got 0$/],
      [[good, { task: 'edit', request: { prompt: 'x', image: Buffer.from('no') } }], /^planMemory: runs\[1\]: .*image/],
    ]
    for (const [runs, message] of refused) await expect(planMemory(file, runs as [], { device: 'cpu' })).rejects.toThrow(message)
    await expect(planMemory(file, [good], { width: 64 } as never)).rejects.toThrow(/unknown option 'width'/)
    await expect(planMemory(file, [good], { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(asked.closed).toBe(asked.load.length)
  })

  test('their options are checked', async () => {
    await expect(convert(file, 'o.gguf', { type: 'q3' as never })).rejects.toThrow(/type must be one of 'bf16'.*got 'q3'/)
    await expect(exportModel(file, 'o', { type: 'q8_0' as never })).rejects.toThrow(/export: type must be one of 'bf16'.*got 'q8_0'/)
    await expect(exportModel(file, '')).rejects.toThrow(/export: output must be a path, got ''/)
    await expect(synth('9b' as never, 'o.gguf')).rejects.toThrow(/shape must be one of 'tiny'.*got '9b'/)
    await expect(inspectModel(file, { plan: true } as never)).rejects.toThrow(/unknown option 'plan'/)
  })

  test('an abort during a job rejects with its reason', async () => {
    await expect(convert(file, 'o.gguf', { signal: AbortSignal.timeout(0) })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })
})

describe('errors', () => {
  test('are known by name and code across copies', () => {
    const copy = { name: 'DimooError', code: 'model/corrupt', message: 'from another thread' }
    expect(DimooError.is(copy)).toBe(true)
    expect(DimooError.is(copy, 'disposed')).toBe(false)
    expect(DimooError.is(new Error('x'))).toBe(false)
    expect(DimooError.is({ name: 'DimooError', code: 'EACCES' })).toBe(false)
    expect([DimooError.is(null), DimooError.is('x'), DimooError.is(undefined)]).toEqual([false, false, false])
  })

  test('of the addon keep code and details; others are internal', async () => {
    behaviour.jobs['inspect'] = () => {
      throw nativeError('device/out-of-memory', 'needs 9, got 3', { requiredBytes: 9, availableBytes: 3 })
    }
    const error: unknown = await inspectModel(file).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({ requiredBytes: 9, availableBytes: 3, retryable: false })
    behaviour.jobs['inspect'] = () => {
      throw new TypeError('odd')
    }
    await expect(inspectModel(file)).rejects.toMatchObject({ code: 'internal', cause: { message: 'odd' } })
  })

  test('a missing and an incompatible addon name what was tried, and the command', () => {
    const missing = bindingError([{ path: '/x', message: 'is not there' }], undefined)
    expect(missing).toMatchObject({
      code: 'binding/not-found',
      message: expect.stringMatching(/tried \/x: is not there.*npx dimoo build/) as unknown,
    })
    const incompatible = bindingError([{ path: '/x/dimoo.node', message: 'invalid ELF header' }], new Error('invalid ELF header\nmore'))
    expect(incompatible).toMatchObject({ code: 'binding/incompatible', attempts: [{ path: '/x/dimoo.node' }] })
    expect(incompatible.message).not.toContain('\n')
  })

  test('an addon is looked for in a file, a folder, or a folder as the package is', () => {
    const base = path.join(folder, 'places')
    mkdirSync(path.join(base, 'build/Release'), { recursive: true })
    mkdirSync(path.join(base, 'flat'))
    mkdirSync(path.join(base, 'empty'))
    for (const name of ['build/Release/dimoo.node', 'flat/own.node', 'other.txt']) writeFileSync(path.join(base, name), 'not a library')
    const at = (name: string): string => path.join(base, name)
    expect(places(at('flat/own.node'))).toEqual([{ path: at('flat/own.node'), file: at('flat/own.node') }])
    expect(places(at('flat'))).toEqual([{ path: at('flat'), file: at('flat/own.node') }])
    expect(places(base)).toEqual([{ path: base, file: at('build/Release/dimoo.node') }])
    expect(places(at('nowhere'))).toEqual([{ path: at('nowhere'), why: 'is not there' }])
    expect(places(at('other.txt'))).toEqual([{ path: at('other.txt'), why: 'is no .node file' }])
    expect(places(at('empty'))).toMatchObject([{ why: expect.stringContaining('neither build/Release nor prebuilds/') as unknown }])
    expect(places('')).toMatchObject([{ file: expect.stringMatching(/\.node$/) as unknown }]) // this checkout's
  })

  test.each([
    [
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /x/dimoo.node)",
      /older than the binary, which needs glibc 2\.34: use Debian 12.*npx dimoo build$/,
    ],
    ["/usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by x)", /needs libstdc\+\+ 3\.4\.30/],
    [
      'No native build was found for platform=linux arch=x64 runtime=node abi=115 uv=1 libc=musl node=20.20.2',
      /on Alpine \(musl\).*node:22-slim.*apk add .* && npx dimoo build$/,
    ],
    ['Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by libc.musl-x86_64.so.1)', /on Alpine/],
    ['No native build was found for platform=sunos arch=x64', /to build one: npx dimoo build; in a bundle, LUMINA_DIMOO_PREBUILD names it/],
  ])('and the way out: %s', (message, wayOut) => {
    const { message: text } = bindingError([{ path: '/x', message }], new Error(message))
    expect(text).toMatch(wayOut)
    expect(text).not.toContain('\n')
  })
})

describe('models', () => {
  test('tokenise, detokenise, encode and decode pictures', async () => {
    const model = await loadModel(file, { device: 'cpu' })
    const ids = await model.tokenize('<system>a red circle')
    expect(await model.detokenize(ids)).toBe('<system>a red circle')
    expect(await model.detokenize(ids, { skipSpecial: true })).toBe('a red circle')
    const { tokens, grid } = await model.encodeVq({
      data: new Uint8Array(17 * 8 * 3).fill(6),
      width: 17,
      height: 8,
      channels: 3,
    })
    expect([grid, [...tokens]]).toEqual([{ width: 2, height: 1 }, [7, 7]])
    expect(await model.decodeVq(tokens, grid)).toMatchObject({ width: 16, height: 8, channels: 3 })
    await expect(model.tokenize('x'.repeat(2 ** 18 + 1))).rejects.toThrow(/tokenize: text must be at most 262144 bytes.*got 262145/)
    await expect(model.decodeVq(tokens, { width: 2, height: 2 })).rejects.toThrow(/2 x 2 codes, got 2/)
    await expect(model.decodeVq(Int32Array.of(1024), { width: 1, height: 1 })).rejects.toThrow(/from 0 to 1023, got 1024 at 0/)
    expect(() => model.run('draw' as 'edit', {} as never)).toThrow(/task must be one of 'generate', 'edit'.*'chat', got 'draw'/)
    expect(() => model.generate({ prompt: 'x' }, { urgency: 1 } as never)).toThrow(/unknown option 'urgency'/)
    expect(await model.stats()).toMatchObject({ reusedRowRatio: 0.5 })
    await model.close()
  })

  test('a request becomes branches, seeds and masked cells', async () => {
    const model = await loadModel(file, { device: 'cpu' })
    await model.generate({ prompt: '', seed: 9, n: 2 }).result()
    await model.generate({ prompt: '', seed: 9, guidance: 0 }).result()
    const [guided, plain] = imageRuns()
    expect(guided!.prefixes.map((prefix) => [...prefix].slice(-2))).toEqual([
      [601, 596],
      [601, 596],
    ])
    expect([...guided!.prefixes[0]!]).toHaveLength(19)
    expect([...guided!.prefixes[1]!]).toContain(598)
    expect(guided).toMatchObject({
      guidance: [2],
      rows: 2,
      columns: 4,
      steps: 4,
      temperature: 1,
      schedule: 'cosine',
      delivery: 'latest',
      buffer: 1,
      priority: 0,
      tag: '',
    })
    expect(guided!.suffixes.map((suffix) => [...suffix])).toEqual([
      [597, 602],
      [597, 602],
    ])
    expect([...guided!.cells]).toEqual(Array(8).fill(-1))
    expect([...guided!.seeds]).toEqual([9n, 10n])
    expect([plain!.prefixes.length, plain!.guidance]).toEqual([1, []])
    await model.close()
  })
})
