// Every task over the wire, decoded in another process, in both forms: the bits of a local run.
import { fork, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  loadModel,
  materialise,
  type DimooModel,
  type ImageResult,
  type RunOptions,
  type TaskName,
  type TaskRequests,
  type TextResult,
} from '../../lib/index.js'
import { TASKS } from '../../lib/requests/names.js'
import { decodeMessage, encodeMessage, messageFromJsonText, messageToJson } from '../../lib/wire/messages.js'

let model: DimooModel
let child: ChildProcess
let requests: TaskRequests
beforeAll(async () => {
  model = await loadModel()
  child = fork(fileURLToPath(new URL('far-side.mjs', import.meta.url)), { serialization: 'advanced' })
  await once(child, 'message')
  const image = await model.generate({ prompt: 'a red circle', seed: 3, steps: 6 }).result()
  const [prompt, steps, seed] = ['a blue square', 5, 11]
  const mask = { left: 0, top: 0, width: 24, height: 64 }
  requests = {
    generate: { prompt, steps, seed, n: 2, cache: true, temperature: 1, schedule: (progress) => 1 - progress ** 2 },
    edit: { prompt: 'Change the red circle to blue.', image, steps, seed },
    inpaint: { prompt, image, mask, composite: { feather: 2 }, steps, seed },
    outpaint: { prompt, image, extend: { left: 16 }, steps, seed },
    retouch: { from: image, region: mask, steps, seed },
    control: { prompt, image, control: 'canny', source: 'photo', steps, seed },
    predict: { image, map: 'depth', steps, seed },
    subject: { prompt, image, bestOf: 2, steps, seed },
    style: { image, style: image, steps, seed },
    view: { image, view: 'left', steps, seed },
    ask: { prompt: 'What color is the circle?', images: [image], reuse: 'prefix', length: 16, seed },
    chat: { messages: [{ role: 'user', content: 'There is a red circle. What color is the circle?' }], length: 16, temperature: 0.7, seed },
  }
})
afterAll(async () => {
  child.kill()
  await model.close()
})

interface Far {
  readonly steps: number[][]
  readonly result: ImageResult | TextResult
}

async function decodedThere<Task extends TaskName>(task: Task, options: RunOptions, form: 'cbor' | 'json'): Promise<Far> {
  const request = await materialise(task, requests[task], await model.info())
  const message = { kind: 'request', task, request, options } as const
  const said = on(child, 'message') // keeps what comes at once; waiting for one after the other would lose it
  child.send({ form, sent: form === 'cbor' ? encodeMessage(message) : JSON.stringify(messageToJson(message)) })
  const steps: number[][] = []
  for await (const [one] of said as AsyncIterable<[Uint8Array | string]>) {
    const arrived = typeof one === 'string' ? messageFromJsonText(one) : decodeMessage(one)
    if (arrived.kind === 'step') steps.push('tokens' in arrived.step ? [...arrived.step.tokens] : [arrived.step.masked])
    else if (arrived.kind === 'result') return { steps, result: arrived.result as ImageResult | TextResult }
    else throw new Error(JSON.stringify(arrived))
  }
  throw new Error('expected a result')
}

const essence = (result: ImageResult | TextResult): unknown =>
  'images' in result
    ? result.images.map(({ seed, image, tokens, score, parameters }) => ({
        seed,
        image: { ...image, data: [...image.data] },
        tokens: [...tokens],
        score,
        parameters,
      }))
    : { text: result.text, finish: result.finishReason, seed: result.seed }

test.each(TASKS)('%s', async (task) => {
  const run = model.run(task as 'edit', requests[task] as TaskRequests['edit'], { delivery: 'all' })
  const steps: number[][] = []
  for await (const step of run) steps.push('tokens' in step ? [...step.tokens] : [(step as { masked: number }).masked])
  const local = await run.result()
  for (const form of ['cbor', 'json'] as const) {
    const there = await decodedThere(task, { delivery: 'all' }, form)
    expect(essence(there.result)).toEqual(essence(local))
    expect(there.steps).toEqual(steps)
  }
})
