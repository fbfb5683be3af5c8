// What must work on every Node: short and long prompts, models in threads that end in mid-run, dropped runs, two closes. Prints one line.
//   node --expose-gc nodes.mjs [--no-threads]   --no-threads: where the permission model allows none
import { strict as assert } from 'node:assert'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { loadModel } from '../../dist/index.js'

const threads = !process.argv.includes('--no-threads')
const model = await loadModel(undefined, { device: 'cpu', threads: 2 })
const red = { prompt: 'a red circle', steps: 2, seed: 7 }

const first = await model.generate(red).result()
const long = 'a red circle '.repeat(500)
assert.equal(await model.detokenize(await model.tokenize(long)), long)

const controller = new AbortController()
const aborted = model.generate({ ...red, steps: 4096 }, { signal: controller.signal })
controller.abort()
await assert.rejects(aborted.result(), { name: 'AbortError' })

// Nobody keeps these.
for (let i = 0; i < 8; i++) model.generate({ ...red, seed: i, steps: 4096 })
globalThis.gc?.()
await sleep(20)
globalThis.gc?.()

if (threads) {
  const code = `
    import { parentPort } from 'node:worker_threads'
    import { loadModel } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
    const model = await loadModel(undefined, { device: 'cpu', threads: 1 })
    for await (const step of model.generate({ prompt: 'a star', steps: 4096 })) if (step.step > 1) parentPort.postMessage('under way') // a slow reader misses some`
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
  await Promise.all(
    [0, 1].map(async () => {
      const worker = new Worker(url, { execArgv: [] })
      await new Promise((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.once('exit', (code) => reject(new Error(`expected a thread in mid-run, got one that ended with ${code}`)))
      })
      await worker.terminate()
    }),
  )
}

const again = await model.generate(red).result()
assert.deepEqual(again.tokens, first.tokens, 'the same request gives the same picture')
await model.close()
await model.close()
await assert.rejects(async () => model.generate(red).result(), { code: 'disposed' })
process.stdout.write(`prompts, aborts, dropped runs${threads ? ', threads' : ', no threads'}, closes: right\n`)
