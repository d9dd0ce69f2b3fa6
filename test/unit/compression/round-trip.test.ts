import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LARGE } from '../../../src/compression/codec.ts'
import { KIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { jsonOf, PAIRS, SIDES } from '../../support/codecs.ts'

/** Bytes between all alike and all random, and pieces that come again near and far. */
const body = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(255).map(byte => Uint8Array.of(byte))
      ),
      fc.integer({ min: 1, max: 400 })
    ),
    { maxLength: 8 }
  )
  .map(
    pieces =>
      new Uint8Array(Buffer.concat(pieces.flatMap(([piece, times]) => Array.from({ length: times }, () => piece))))
  )
const level = fc.integer({ min: 1, max: 9 })

describe.each(PAIRS)('%s', (_, writer, reader) => {
  it('gives back any bytes, at any level', async () => {
    const property = fc.asyncProperty(body, level, async (bytes, chosen) => {
      const compressed = await writer.codec.compress(writer.algorithm, bytes, chosen)
      const back = await reader.codec.decompress(reader.algorithm, compressed, bytes.byteLength)
      expect(sameBytes(back, bytes)).toBe(true)
    })
    await fc.assert(property, { numRuns: 200 })
  })

  it.each([0, 1, 2, 63, 64, 65, 64 * KIB, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE])(
    'gives back %i bytes',
    async size => {
      for (const bytes of [jsonOf(size), randomBody(size), new Uint8Array(size)]) {
        const compressed = await writer.codec.compress(writer.algorithm, bytes, 1)
        const back = await reader.codec.decompress(reader.algorithm, compressed, size)
        expect(back.byteLength).toBe(size)
        expect(sameBytes(back, bytes)).toBe(true)
      }
    }
  )
})

describe.each(SIDES)('$name', ({ codec, algorithm }) => {
  it('answers at once below 256 KiB', () => {
    const bytes = jsonOf(LARGE - 1)
    const compressed = codec.compress(algorithm, bytes, 1)
    expect(compressed).toBeInstanceOf(Uint8Array)
    expect(codec.decompress(algorithm, compressed as Uint8Array, bytes.byteLength)).toBeInstanceOf(Uint8Array)
  })

  it('promises an answer from 256 KiB', async () => {
    const bytes = jsonOf(LARGE)
    const compressed = codec.compress(algorithm, bytes, 1)
    expect(compressed).toBeInstanceOf(Promise)
    const back = codec.decompress(algorithm, await compressed, bytes.byteLength)
    expect(back).toBeInstanceOf(Promise)
    await back
  })

  it.each([1, 5, 9])('makes JSON much smaller at level %i', async chosen => {
    for (const bytes of [jsonOf(4 * KIB), jsonOf(64 * KIB), jsonOf(2 * LARGE)]) {
      const compressed = await codec.compress(algorithm, bytes, chosen)
      expect(compressed.byteLength).toBeLessThan(bytes.byteLength / 2)
    }
  })

  it('returns plain arrays that do not keep much larger ones alive', async () => {
    for (const size of [10, 1_000, 64 * KIB, 2 * LARGE]) {
      const compressed = await codec.compress(algorithm, jsonOf(size), 1)
      const back = await codec.decompress(algorithm, compressed, size)
      for (const each of [compressed, back]) {
        expect(each.constructor).toBe(Uint8Array)
        expect(each.buffer.byteLength).toBeLessThanOrEqual(2 * each.byteLength)
      }
    }
  })

  it('leaves the bytes as they were', async () => {
    const bytes = jsonOf(2 * LARGE)
    const copy = bytes.slice()
    const compressed = await codec.compress(algorithm, bytes, 6)
    const compressedCopy = compressed.slice()
    await codec.decompress(algorithm, compressed, bytes.byteLength)
    expect(sameBytes(bytes, copy) && sameBytes(compressed, compressedCopy)).toBe(true)
  })
})
