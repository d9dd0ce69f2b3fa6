import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { excerpt, looksRandom } from '../../../src/compression/sample.ts'
import { bytesOf, KIB, MIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { jsonOf } from '../../support/codecs.ts'

const SIZES = [256, 1_000, KIB, KIB + 1, 4 * KIB, 64 * KIB, MIB]

describe('a sample', () => {
  it.each(SIZES)('finds %i random bytes random', size => {
    for (let round = 0; round < 100; round += 1) expect(looksRandom(randomBody(size))).toBe(true)
  })

  it('finds compressed data random', () => {
    const compressed = gzipSync(jsonOf(4 * MIB), { level: 9 })
    expect(looksRandom(compressed.subarray(100))).toBe(true)
  })

  it.each(SIZES)('finds %i bytes of other kinds worth a try', size => {
    const base64 = bytesOf(Buffer.from(randomBody(size)).toString('base64').slice(0, size))
    const counters = new Uint8Array(Uint32Array.from({ length: size / 4 }, (_, index) => index * 77).buffer)
    const coordinates = new Uint8Array(Float64Array.from({ length: size / 8 }, (_, index) => 47 + index / 3).buffer)
    for (const bytes of [jsonOf(size), base64, new Uint8Array(size), counters, coordinates]) {
      expect(looksRandom(bytes)).toBe(false)
    }
  })

  it('sees columns of a table, whatever their distance', () => {
    for (const width of [2, 4, 8, 16, 64, 66, 68]) {
      const bytes = randomBody(64 * KIB)
      for (let at = 0; at < bytes.byteLength; at += 1) if (at % width >= width / 2) bytes[at] = 0
      expect([width, looksRandom(bytes)]).toEqual([width, false])
    }
  })

  it('is possible of next to nothing', () => {
    for (const length of [0, 1, 2, 3]) expect(looksRandom(new Uint8Array(length))).toBe(false)
  })
})

describe('an excerpt', () => {
  it('has the first and the last bytes, and some between', () => {
    const bytes = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251)
    const piece = excerpt(bytes, 40)
    expect(piece.byteLength).toBe(40)
    expect(sameBytes(piece.subarray(0, 10), bytes.subarray(0, 10))).toBe(true)
    expect(sameBytes(piece.subarray(10, 20), bytes.subarray(330, 340))).toBe(true)
    expect(sameBytes(piece.subarray(30), bytes.subarray(990))).toBe(true)
  })
})
