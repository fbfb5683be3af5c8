// The API and the command line over the real addon and the embedded miniature, as a newcomer runs them.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, planMemory, readParameters, type ImageResult, type ImageStep } from '../../lib/index.js'

const run = promisify(execFile)
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const dist = new URL('../../dist/index.js', import.meta.url).href
const dimoo = (...args: string[]) => run(process.execPath, [main, ...args])
const folder = mkdtempSync(path.join(tmpdir(), 'dimoo-addon-'))
const at = (name: string): string => path.join(folder, name)
afterAll(() => rmSync(folder, { recursive: true }))

const request = { prompt: 'a large yellow star on a black background', seed: 3 }

describe('the API', () => {
  let model: Awaited<ReturnType<typeof loadModel>>
  beforeAll(async () => {
    model = await loadModel(undefined, { device: 'cpu', precision: 'f32' })
  })
  afterAll(() => model.close())

  test('a prompt in, a picture out, every step on the way', async () => {
    const steps: ImageStep[] = []
    const generating = model.generate(request, { delivery: 'all' })
    for await (const step of generating) steps.push(step)
    const result = await generating.result()
    expect(result.image).toMatchObject({ width: 64, height: 64, channels: 3 })
    expect(steps.map((step) => step.step)).toEqual(Array.from({ length: 24 }, (_, i) => i))
    expect(steps.every((step) => step.masked === step.tokens.filter((token) => token === -1).length)).toBe(true)
    expect(steps.reduce((sum, step) => sum + step.changed.length, 0)).toBe(64)
    expect(steps.at(-1)!.tokens).toEqual(result.tokens)
    expect(result.usage).toMatchObject({ steps: 24, forwardPasses: 24, outputTokens: 64 })
    // The last step's picture, the tokens' picture and the result's are one.
    expect((await steps.at(-1)!.decode()).data).toEqual(result.image.data)
    expect((await model.decodeVq(result.tokens, { width: 8, height: 8 })).data).toEqual(result.image.data)
  })

  test('same seed, same tokens; in a batch of n too; another seed differs', async () => {
    const [one, two, three] = await Promise.all([
      model.generate(request).result(),
      model.generate({ ...request, seed: 2, n: 3 }).result(),
      model.generate({ ...request, seed: 4 }).result(),
    ])
    expect(two.images[1]!.tokens).toEqual(one.tokens)
    expect(two.images[2]!.tokens).toEqual(three.tokens)
    expect(three.tokens).not.toEqual(one.tokens)
  })

  test('an abort at every step rejects with its reason and leaves the model usable', async () => {
    for (let at = 0; at < 24; at += 3) {
      const generating = model.generate(request, { delivery: 'all' })
      const steps = generating[Symbol.asyncIterator]()
      for (let i = 0; i < at; i++) await steps.next()
      generating.abort('enough')
      await expect(generating.result()).rejects.toBe('enough')
    }
    expect((await model.generate({ ...request, steps: 2 }).result()).usage.steps).toBe(2)
  })

  test('an empty prompt draws something', async () => {
    expect((await model.generate({ prompt: '', seed: 1 }).result()).tokens).toHaveLength(64)
  })

  test('pictures go through the image tokenizer and back', async () => {
    const { image } = await model.generate(request).result()
    const { tokens, grid } = await model.encodeVq(image)
    const back = await model.decodeVq(tokens, grid)
    const error = back.data.reduce((sum, value, i) => sum + (value - image.data[i]!) ** 2, 0) / back.data.length
    expect(10 * Math.log10(255 ** 2 / error)).toBeGreaterThan(25)
  })

  // How long its delays are is measured in bench/serve.mjs.
  test('the event loop goes on while passes are computed', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const { usage } = await model.generate({ ...request, n: 4 }).result()
    clearInterval(timer)
    expect(turns).toBeGreaterThan(usage.forwardPasses / 4)
  })

  test('a plan says what fits', async () => {
    const plan = await planMemory(undefined, [{ task: 'generate', request: { prompt: 'x', n: 4 } }], { device: 'cpu' })
    expect(plan.fits).toBe(true)
    expect(plan.totalBytes).toBe(
      plan.weightsBytes + plan.panelBytes + plan.kvBytes + plan.logitsBytes + plan.activationsBytes + plan.vqBytes,
    )
  })
})

test('close during runs rejects them, twice is once, and the process goes on', async () => {
  const model = await loadModel(undefined, { device: 'cpu' })
  const results: Promise<ImageResult>[] = Array.from({ length: 5 }, (_, seed) => model.generate({ ...request, seed, steps: 64 }).result())
  const settled = Promise.allSettled(results)
  await Promise.all([model.close(), model.close()])
  const reasons = (await settled).map((one) => (one.status === 'rejected' ? (one.reason as { code?: string }).code : 'done'))
  expect(new Set(reasons)).toEqual(new Set(['disposed']))
  expect(() => model.generate(request)).toThrow(expect.objectContaining({ code: 'disposed' }))
})

describe('the command line', () => {
  test('--version takes at most 1.7 times the processor time of a Node that does nothing', async () => {
    // Some 0.1 s; loading all of the package would double it. The two take turns, so that a busy machine slows both.
    const exit =
      "data:text/javascript,process.on('exit', () => { const { user, system } = process.cpuUsage(); console.log(user + system) })"
    const time = async (...args: string[]): Promise<number> => {
      const { stdout } = await run(process.execPath, ['--import', exit, ...args])
      return Number(stdout.trim().split('\n').at(-1))
    }
    const [ours, bare]: [number[], number[]] = [[], []]
    for (let i = 0; i < 5; i++) {
      ours.push(await time(main, '--version'))
      bare.push(await time('--input-type=module', '-e', '0'))
    }
    expect(Math.min(...ours)).toBeLessThan(1.7 * Math.min(...bare))
  })

  test('draws, tells, and repeats a picture bit by bit', async () => {
    const { stdout } = await dimoo('generate', request.prompt, '-o', at('a.png'), '--seed', '3', '--json')
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; files?: string[] })
    expect(events.at(-1)).toMatchObject({ event: 'result', files: [at('a.png')] })
    await dimoo('generate', '--like', at('a.png'), '-o', at('b.png'))
    const { default: sharp } = await import('sharp')
    const pixels = (name: string): Promise<Buffer> => sharp(at(name)).raw().toBuffer()
    expect(await pixels('b.png')).toEqual(await pixels('a.png'))
    expect(await readParameters(at('b.png'))).toEqual(await readParameters(at('a.png')))
  })

  test('Ctrl-C ends a run with 130 and leaves nothing', async () => {
    const child = spawn(process.execPath, [main, 'generate', 'x', '--steps', '4096', '--n', '64', '-o', at('c.png')])
    child.stderr.once('data', () => child.kill('SIGINT'))
    const code = await new Promise((resolve) => child.on('exit', resolve))
    expect(code).toBe(130)
    expect(readdirSync(folder).filter((name) => name.includes('c.png') || name.includes('c-'))).toEqual([])
  })

  test('Ctrl-C during convert leaves nothing', async () => {
    const big = at('big.gguf')
    await dimoo('synth', '0.5b', '-o', big, '--type', 'q8_0')
    const child = spawn(process.execPath, [main, 'convert', big, '-o', at('d.gguf'), '--type', 'q4_k'])
    child.stderr.once('data', () => child.kill('SIGINT'))
    const code = await new Promise((resolve) => child.on('exit', resolve))
    expect(code).toBe(130)
    expect(readdirSync(folder).filter((name) => name.includes('d.gguf'))).toEqual([])
    rmSync(big)
  })
})

describe('processes', () => {
  test.each([
    ['process.exit', 'process.exit(7)', 7],
    ['an uncaught error', 'setImmediate(() => { throw new Error("mine") })', 1],
    ['nothing awaited', '', 0],
  ])('end mid-run by %s with their own exit code', async (_, end, expected) => {
    const code = `import { loadModel } from ${JSON.stringify(dist)}
      const model = await loadModel(undefined, { device: 'cpu' })
      const run = model.generate({ prompt: 'x', steps: 4096 })
      await run[Symbol.asyncIterator]().next()
      ${end}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
    const outcome = await new Promise((resolve) => child.on('exit', (exit, signal) => resolve(signal ?? exit)))
    expect(outcome).toBe(expected)
  })

  test('eight worker threads at once, and terminated ones', async () => {
    const code = `import { Worker } from 'node:worker_threads'
      const source = \`
        Promise.all([import('node:worker_threads'), import(${JSON.stringify(dist)})]).then(async ([{ parentPort }, { loadModel }]) => {
          const model = await loadModel(undefined, { device: 'cpu', threads: 1 })
          const { tokens } = await model.generate({ prompt: 'a red circle', seed: 1, steps: 4 }).result()
          parentPort.postMessage(tokens.join())
          model.generate({ prompt: 'a red circle', steps: 4096 }).result().catch(() => {})
        })\`
      const workers = Array.from({ length: 8 }, () => new Worker(source, { eval: true }))
      const answers = await Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))))
      await Promise.all(workers.map((worker) => worker.terminate()))
      console.log(new Set(answers).size)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code])
    expect(stdout.trim()).toBe('1')
  })
})
