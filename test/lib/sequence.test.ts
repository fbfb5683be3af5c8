// Events as a sequence of CBOR: whole however the bytes are cut, and refused where they are no such sequence.
import { expect, test } from 'vitest'
import { encodeCbor } from '../../lib/wire/cbor.js'
import { ALIVE, SequenceReader, sequenceItem, type WireEvent } from '../../lib/wire/sequence.js'

const EVENTS: readonly WireEvent[] = [
  { id: undefined, event: 'state', data: { state: 'queued' } },
  { id: 1, event: 'step', data: { tokens: Int32Array.from([-1, 5, 1791]), preview: Uint8Array.of(1, 2, 3) } },
  { id: 2, event: 'step', data: { text: 'größer 🦊'.repeat(2) } },
  { id: 3, event: 'step', data: { preview: new Uint8Array(300).fill(7) } },
  { id: 4, event: 'step', data: { preview: new Uint8Array(70_000).fill(9) } },
  { id: 5, event: 'done', data: {} },
]
const BYTES = Buffer.concat(EVENTS.flatMap((event) => [ALIVE, sequenceItem(event), ALIVE, ALIVE]))

test.each([1, 2, 3, 5, 100, 65_536, 1_000_000])('pieces of %d bytes', (length) => {
  const reader = new SequenceReader()
  const events: unknown[] = []
  for (let at = 0; at < BYTES.length; at += length) events.push(...reader.take(new Uint8Array(BYTES.subarray(at, at + length))))
  expect(events).toHaveLength(EVENTS.length)
  expect(Buffer.compare(encodeCbor(events), encodeCbor(EVENTS))).toBe(0)
})

test('an item is a byte string with tag 24, as RFC 8949 has it', () => {
  const inner = encodeCbor({ event: 'x', data: {} })
  expect([...sequenceItem({ id: undefined, event: 'x', data: {} })]).toEqual([0xd8, 24, 0x40 | inner.length, ...inner])
})

test.each([
  ['another type', [0x00], /expected a sequence of CBOR, got other bytes/],
  ['another tag', [0xd8, 25, 0x41, 0], /expected a sequence of CBOR, got other bytes/],
  ['text in the tag', [0xd8, 24, 0x61, 0x61], /expected a sequence of CBOR, got other bytes/],
  ['an endless string', [0xd8, 24, 0x5f], /expected a definite length, got none/],
  ['more than a message may be', [0xd8, 24, 0x5b, 0, 0, 0, 1, 0, 0, 0, 0], /expected at most 268435456 bytes, got 4294967296/],
  ['bytes that are no CBOR', [0xd8, 24, 0x41, 0xff], /the bytes are damaged/],
  ['what is no event', [0xd8, 24, 0x41, 0xa0], /expected \{ id, event, data \}/],
] as const)('%s is refused', (_, bytes, message) => {
  for (const length of [1, 100]) {
    const reader = new SequenceReader()
    const read = (): void => {
      for (let at = 0; at < bytes.length; at += length) reader.take(Uint8Array.from(bytes.slice(at, at + length)))
    }
    expect(read).toThrow(message)
  }
})
