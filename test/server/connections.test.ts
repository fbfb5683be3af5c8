// Connections: requests that come one after the other without waiting, and bodies that are answered before they have come.
import { connect } from 'node:net'
import OpenAI, { toFile } from 'openai'
import { expect, test } from 'vitest'
import { ScriptedRunner } from './scripted.js'
import { eventually, serve } from './world.js'

/** Sends requests at once, and leaves when something has come back. */
async function pipelined(url: string, requests: readonly string[]): Promise<void> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(requests.join(''))
  await new Promise((resolve) => setTimeout(resolve, 300))
  socket.destroy()
}

test('who leaves with pipelined requests leaves all of them', async () => {
  const runner = new ScriptedRunner()
  const { url, ask } = await serve(runner, { graceMs: 300 })
  await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, options: { id: 'r' } } })
  const follow = 'GET /v1/runs/r/events HTTP/1.1\r\nhost: localhost\r\n\r\n'
  await pipelined(url, [follow, follow, follow])
  await eventually(() => runner.runs[0]!.state === 'aborted', 'its end')
  const body = '{"prompt":"x"}'
  const draw = `POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  await pipelined(url, [draw, draw.replace('"x"}', '"x","stream":true}').replace('length: 14', 'length: 28'), draw])
  await eventually(() => runner.runs.length === 4 && runner.runs.every(({ state }) => state === 'aborted'), 'the end of all three')
  await eventually(async () => /^dimoo_streams 0$/m.test(await (await ask('/metrics')).text()), 'the end of their streams')
})

test('pipelined requests are answered in order, on a connection that stays', async () => {
  const { url } = await serve(new ScriptedRunner())
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let heard = ''
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString()))
  socket.write(['/healthz', '/v1/nothing', '/healthz'].map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join(''))
  await eventually(() => heard.match(/HTTP\/1\.1 \d+/g)?.length === 3)
  expect(heard.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200'])
  socket.destroy()
})

test('a body that is too large is 413 to whoever is still sending it', async () => {
  const { url, ask } = await serve(new ScriptedRunner(), { maxBodyBytes: 2 ** 20, maxFileBytes: 2 ** 19, maxImages: 4 })
  const large = new Blob([new Uint8Array(32 * 2 ** 20)], { type: 'image/png' })
  const form = (files: readonly Blob[]): FormData => {
    const made = new FormData()
    made.set('prompt', 'x')
    for (const [i, file] of files.entries()) made.append('image[]', file, `${i}.png`)
    return made
  }
  for (const body of [
    form([large]),
    form([large.slice(0, 700_000)]),
    form(Array.from({ length: 64 }, () => large.slice(0, 10))),
    form(Array.from({ length: 64 }, () => large.slice(0, 12_000))),
  ])
    for (let i = 0; i < 4; i++) expect((await ask('/v1/images/edits', { method: 'POST', body })).status).toBe(413)
  const text = JSON.stringify({ prompt: 'x'.repeat(3 * 2 ** 20) })
  const headers = { 'content-type': 'application/json' }
  for (let i = 0; i < 4; i++) expect((await ask('/v1/images/generations', { method: 'POST', body: text, headers })).status).toBe(413)
  const streamed = new Blob([text]).stream() // of no length that is known before
  expect((await ask('/v1/images/generations', { method: 'POST', body: streamed, headers, duplex: 'half' })).status).toBe(413)
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const image = await toFile(large, 'a.png')
  await expect(openai.images.edit({ image, prompt: 'x' })).rejects.toMatchObject({ status: 413 })
}, 60_000)

test('what goes on coming after its answer is read for a while only', async () => {
  const { url } = await serve(new ScriptedRunner(), { maxBodyBytes: 2 ** 20 })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let [sent, heard, closed] = [0, '', false]
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString()))
  socket.on('error', () => undefined)
  socket.on('close', () => (closed = true))
  socket.write(`POST /v1/runs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${2 ** 40}\r\n\r\n`)
  const chunk = Buffer.alloc(2 ** 16)
  const send = (): void => {
    if (closed) return
    sent += chunk.length
    socket.write(chunk, () => setImmediate(send))
  }
  send()
  await eventually(() => closed, 'its end', 20_000)
  expect(heard).toMatch(/^HTTP\/1\.1 413 /)
  expect(sent).toBeGreaterThan(4 * 2 ** 20)
}, 30_000)
