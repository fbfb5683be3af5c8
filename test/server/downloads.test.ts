// Large answers: whoever asks for many and takes none neither fills the memory nor keeps his connections.
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { digestOf } from '../../lib/server/runs/replays.js'
import { workOf } from '../../lib/runner/work.js'
import { INFO, ScriptedRunner } from './scripted.js'
import { eventually, serve } from './world.js'

const MIB = 2 ** 20
const large = new Uint8Array(32 * MIB)

/** Asks and reads nothing. */
async function deaf(url: string, path: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) }).on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.pause()
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`)
  return socket
}

test('answers on their way stay within a budget, and one that nobody takes is cut off', async () => {
  const runner = new ScriptedRunner()
  const { url, ask } = await serve(runner, { maxUploadBytes: 48 * MIB, stallMs: 1500 })
  await ask('/v1/runs', { json: { task: 'generate', request: { prompt: 'x' }, options: { id: 'r' }, detach: true } })
  let asked = 0
  runner.last.snapshot = async () => (asked++, large)
  await deaf(url, '/v1/runs/r/snapshot')
  await eventually(() => asked === 1)
  const refused = await ask('/v1/runs/r/snapshot', { method: 'POST' })
  const { error } = (await refused.json()) as { error: { message: string } }
  expect([refused.status, refused.headers.get('retry-after'), error.message]).toEqual([
    429,
    '1',
    'server: answers on their way hold 33554432 of 50331648 bytes, and 33554432 more do not fit',
  ])
  // The one that is read comes whole, once the other one is gone.
  await eventually(async () => {
    const response = await ask('/v1/runs/r/snapshot', { method: 'POST' })
    return response.status === 200 && (await response.arrayBuffer()).byteLength === large.length
  }, 'room')
  for (let i = 0; i < 3; i++)
    expect((await (await ask('/v1/runs/r/snapshot', { method: 'POST' })).arrayBuffer()).byteLength).toBe(large.length)
})

test('two bodies that differ have two digests', () => {
  const bodies = [
    { a: { b: 1 }, c: 1 },
    { a: { b: 1, c: 1 } },
    { a: [] },
    { a: {} },
    { a: null },
    { a: 'null' },
    { a: ['x', 'y'] },
    { a: 'x', b: 1 },
    { a: 'x"b"number1;' },
    { a: 'x;{"b"number1' },
    { a: { 0: 'x', 1: 'y' } },
  ]
  expect(new Set(bodies.map(digestOf)).size).toBe(bodies.length)
})

test('a long text counts in what a run weighs', () => {
  const rows = (prompt: string): number => workOf('generate', { prompt, width: 64, height: 64, guidance: 0 }, INFO).rows
  expect([rows('x'), rows('x'.repeat(4000))]).toEqual([64 + 64, 1000 + 64])
  const said = (content: string): number => workOf('chat', { messages: [{ role: 'user', content }] }, INFO).rows
  expect(said('x'.repeat(40_000)) - said('x')).toBeGreaterThan(9000)
})
