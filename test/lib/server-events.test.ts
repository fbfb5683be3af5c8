// Events out of bytes, however they are cut: the reader of the client on its own.
import { expect, test } from 'vitest'
import { readEvents, type ServerEvent } from '../../lib/client/sse.js'

const TEXT = [
  ': a sign of life\n\n',
  'id: 1\nevent: step\ndata: {"prompt":"größer 🦊"}\n\n',
  'id: 2\r\nevent: step\r\ndata: with carriage returns\r\n\r\n',
  'data:without a space\ndata:  two of them\ndata\n\n',
  'event: nothing in it\n\n',
  'retry: 10\nunknown: field\nid: 3\ndata: after it\n\n',
  '\n\n\ndata: after empty lines\n\n',
  'data: never ended\n',
].join('')

const EVENTS: ServerEvent[] = [
  { id: '1', event: 'step', data: '{"prompt":"größer 🦊"}' },
  { id: '2', event: 'step', data: 'with carriage returns' },
  { id: undefined, event: 'message', data: 'without a space\n two of them\n' },
  { id: '3', event: 'message', data: 'after it' },
  { id: undefined, event: 'message', data: 'after empty lines' },
]

async function read(pieces: readonly Uint8Array[]): Promise<{ events: ServerEvent[]; alive: number }> {
  const events: ServerEvent[] = []
  let alive = 0
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  for await (const event of readEvents(body, () => alive++)) events.push(event)
  return { events, alive }
}

test.each([1, 2, 3, 7, 64, 10_000])('pieces of %d bytes', async (length) => {
  const bytes = new TextEncoder().encode(TEXT)
  const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) => bytes.slice(i * length, (i + 1) * length))
  expect(await read(pieces)).toEqual({ events: EVENTS, alive: pieces.length })
})

test('an event of many pieces is one text', async () => {
  const long = 'x'.repeat(100_000)
  const bytes = new TextEncoder().encode(`id: 9\ndata: ${long}\n\ndata: next\n\n`)
  const pieces = Array.from({ length: 1001 }, (_, i) => bytes.subarray(i * 100, (i + 1) * 100))
  const { events } = await read(pieces)
  expect(events.map(({ id, data }) => [id, data.length])).toEqual([
    ['9', 100_000],
    [undefined, 4],
  ])
})

test('a reader that leaves early ends the body', async () => {
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: again\n\n')),
    cancel: () => {
      cancelled = true
    },
  })
  for await (const event of readEvents(body, () => undefined)) {
    expect(event.data).toBe('again')
    break
  }
  expect(cancelled).toBe(true)
})
