// Plain data as CBOR: what goes in comes out, other people's library reads it, and hostile bytes cost no more than their length.
import { decode as peerDecode, encode as peerEncode } from 'cborg'
import { describe, expect, test } from 'vitest'
import { decodeCbor, encodeCbor, LIMITS } from '../../lib/wire/cbor.js'

const value = {
  a: Uint8Array.of(1, 2, 3),
  b: [Int32Array.of(-1), Float32Array.of(0.5), Uint32Array.of(7), BigUint64Array.of(2n ** 64n - 1n), Int16Array.of(-2), Uint16Array.of(9)],
  c: { text: 'caf\u00e9 "quoted" \u{1f600}', none: null, empty: new Int32Array(0), yes: true, no: false },
  numbers: [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32, 2 ** 53 - 1, -1, -25, -(2 ** 40), 0.1, -0, 1e300, Infinity],
}

describe('what is written', () => {
  test('is read again, but for what was left out', () => {
    expect(decodeCbor(encodeCbor({ ...value, left: undefined }))).toEqual(value)
  })

  test('another library reads it, and we read what it writes', () => {
    const plain = { a: [1, -5, 2 ** 40, 0.25, 'x', null, true], b: Uint8Array.of(1, 2), c: { d: Int32Array.of(-7) } }
    const tags = { 78: (inner: () => unknown) => new Int32Array((inner() as Uint8Array).slice().buffer) } // RFC 8746
    expect(peerDecode(encodeCbor(plain), { tags })).toEqual(plain)
    const theirs = { a: [1, -300, 'two', { three: 3.5, none: null, yes: true }], b: Uint8Array.of(7) }
    expect(decodeCbor(peerEncode(theirs, { float64: true }))).toEqual(theirs)
  })

  test.each<[string, unknown, RegExp]>([
    ['functions', { f: () => 1 }, /expected plain data, got a function/],
    ['bigints', { n: 1n }, /expected plain data, got a bigint/],
    ['depth', Array.from({ length: 40 }).reduce((inner) => [inner], 1), /at most 16 levels/],
    ['other views', new DataView(new ArrayBuffer(1)), /a typed array that travels, got a DataView/],
  ])('holds no %s', (_, bad, message) => {
    expect(() => encodeCbor(bad)).toThrow(
      expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }),
    )
  })
})

describe('damaged bytes are refused', () => {
  const refused = (bytes: Uint8Array, message: RegExp, limits = LIMITS): void => {
    expect(() => decodeCbor(bytes, limits)).toThrow(
      expect.objectContaining({ code: 'request/invalid', message: expect.stringMatching(message) as unknown }),
    )
  }

  test('cut anywhere', () => {
    const bytes = encodeCbor(value)
    for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length), /damaged/)
    refused(Uint8Array.of(...bytes, 0), /1 bytes after the end/)
  })

  test('with lengths beyond what is there, before anything is made of them', () => {
    refused(Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff), /4294967295 values expected/)
    refused(Uint8Array.of(0x5b, 0, 0, 0, 1, 0, 0, 0, 0), /4294967296 bytes expected/)
    refused(Uint8Array.of(0xba, 0x7f, 0xff, 0xff, 0xff, 0), /values expected/)
    refused(Uint8Array.of(0xd8, 78, 0x43, 1, 2, 3), /3 bytes for an Int32Array/)
  })

  test('nested beyond the limit, or of too many values', () => {
    refused(new Uint8Array(1000).fill(0x81), /more than 16 levels/)
    refused(encodeCbor(Array(101).fill(0)), /more than 100 values/, { ...LIMITS, maxItems: 100 })
    refused(encodeCbor('x'.repeat(50)), /52 bytes, more than 20/, { ...LIMITS, maxBytes: 20 })
  })

  test('with names that must not be there', () => {
    const named = (name: string): Uint8Array => {
      const bytes = encodeCbor({ ['x'.repeat(name.length)]: 1 })
      bytes.set(Buffer.from(name), 2)
      return bytes
    }
    refused(named('__proto__'), /the name '__proto__'/)
    refused(Uint8Array.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2), /the name 'a'/)
    refused(Uint8Array.of(0xa1, 1, 1), /a name that is no text/)
  })

  test('of kinds that we do not write', () => {
    refused(Uint8Array.of(0x9f, 0xff), /not definite/)
    refused(Uint8Array.of(0xc1, 0), /tag 1/)
    refused(Uint8Array.of(0xf9, 0, 0), /kind 7\.25/)
    refused(Uint8Array.of(0x61, 0xff), /no UTF-8/)
    refused(Uint8Array.of(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /beyond 2\^53/)
  })
})
