import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Algorithm, type Codec, LARGE } from '../../../src/compression/codec.ts'
import { codec as node } from '../../../src/compression/node-codec.ts'
import { codec as portable } from '../../../src/compression/portable-codec.ts'
import { bytesOf, join } from '../../support/bytes.ts'
import { jsonOf, SIDES } from '../../support/codecs.ts'

const INVALID = { name: 'PointSubError', code: 'ERR_INVALID_FRAME', message: expect.stringMatching(/^the peer sent /) }

/** What fflate takes for the end of a gzip member and another one. */
const NEXT_GZIP_MEMBER = join(new Uint8Array(8), gzipSync(new Uint8Array(0)).subarray(0, -8))

/** What it gives, or the error, whether thrown or rejected; any other error fails the test. */
async function outcome(
  codec: Codec,
  algorithm: Algorithm,
  bytes: Uint8Array,
  size: number
): Promise<Uint8Array | string> {
  try {
    return await codec.decompress(algorithm, bytes, size)
  } catch (error) {
    expect(error).toMatchObject(INVALID)
    return error instanceof Error ? error.message : ''
  }
}

describe.each(SIDES)('$name', ({ codec, algorithm }) => {
  const small = jsonOf(500)
  const large = jsonOf(LARGE + 500)
  const pack = (bytes: Uint8Array): Uint8Array | Promise<Uint8Array> => codec.compress(algorithm, bytes, 1)
  const read = (bytes: Uint8Array, size: number): Promise<Uint8Array | string> => outcome(codec, algorithm, bytes, size)

  it('throws at once below 256 KiB and rejects from there', async () => {
    const rubbish = new Uint8Array(LARGE).fill(0xff)
    expect(() => codec.decompress(algorithm, rubbish, LARGE - 1)).toThrow(expect.objectContaining(INVALID))
    await expect(codec.decompress(algorithm, rubbish, LARGE)).rejects.toMatchObject(INVALID)
  })

  it('refuses data cut off at any byte', async () => {
    const compressed = await pack(small)
    for (let length = 0; length < compressed.byteLength; length += 1) {
      expect([length, await read(compressed.subarray(0, length), small.byteLength)]).toEqual([
        length,
        expect.any(String)
      ])
    }
  })

  it('refuses large data cut off', async () => {
    const compressed = await pack(large)
    for (const missing of [1, 2, 100, 5_000, compressed.byteLength / 2]) {
      const cut = compressed.subarray(0, Math.floor(compressed.byteLength - missing))
      expect([missing, await read(cut, large.byteLength)]).toEqual([missing, expect.any(String)])
    }
  })

  it('refuses bytes behind the end, whatever they are', async () => {
    for (const body of [new Uint8Array(0), Uint8Array.of(7), small, large]) {
      const compressed = await pack(body)
      const tails = [Uint8Array.of(0), Uint8Array.of(3, 0), new Uint8Array(8), new Uint8Array(18), bytesOf('tail')]
      for (const tail of [...tails, compressed, NEXT_GZIP_MEMBER]) {
        const message = await read(join(compressed, tail), body.byteLength)
        expect(message).toMatch(/^the peer sent (bytes behind the end|\d+ compressed bytes for|compressed data)/)
      }
    }
  })

  it.each([
    ['small', small],
    ['large', large]
  ])('says how much came when a %s size is a lie', async (_, body) => {
    const compressed = await pack(body)
    const size = body.byteLength
    for (const claimed of [size - 1, size - 100, Math.ceil(size * 0.95)]) {
      expect(await read(compressed, claimed)).toMatch(/more than the \d+ bytes it announced|is no zstd/)
    }
    for (const claimed of [size + 1, size + 100, size * 2, size * 3]) {
      expect(await read(compressed, claimed)).toBe(
        `the peer sent compressed data of ${size} bytes and announced ${claimed}`
      )
    }
  })

  it('refuses a size its bytes cannot hold, or would never be needed for', async () => {
    const compressed = await pack(small)
    for (const claimed of [0, 1, 20, 2 ** 30, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(await read(compressed, claimed)).toBe(
        `the peer sent ${compressed.byteLength} compressed bytes for the ${claimed} it announced`
      )
    }
  })

  it('refuses no bytes at all', async () => {
    expect(await read(new Uint8Array(0), 0)).toEqual(expect.any(String))
    expect(await read(new Uint8Array(0), 1)).toEqual(expect.any(String))
  })

  it('gives exactly as many bytes as announced, or a clear error, when any bit is flipped', async () => {
    const compressed = await pack(small)
    for (let bit = 0; bit < compressed.byteLength * 8; bit += 1) {
      const damaged = compressed.slice()
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const result = await read(damaged, small.byteLength)
      if (typeof result !== 'string') expect(result.byteLength).toBe(small.byteLength)
    }
  })

  it('gives exactly as many bytes as announced, or a clear error, for any bytes', async () => {
    const compressed = await pack(small)
    const start = fc.nat(compressed.byteLength).map(length => compressed.subarray(0, length))
    const property = fc.asyncProperty(
      start,
      fc.uint8Array({ maxLength: 600 }),
      fc.nat(800),
      async (head, rest, size) => {
        const result = await read(join(head, rest), size)
        if (typeof result !== 'string') expect(result.byteLength).toBe(size)
      }
    )
    await fc.assert(property, { numRuns: 1_000 })
  })
})

it('fflate reads what node:zlib reads, wherever that ends', async () => {
  // The other way round is not so: fflate does not look at the complement of a stored block's length.
  const empty = [0, 0, 0, 255, 255]
  const storedA = [0, 1, 0, 254, 255, 65]
  const block = fc.constantFrom(empty, storedA)
  // Stored or with fixed codes, of no byte or one; they end on the border of a byte and within one.
  const last = fc.constantFrom([1, 0, 0, 255, 255], [1, 1, 0, 254, 255, 65], [3, 0], [75, 4, 0])
  let read = 0
  const property = fc.asyncProperty(fc.array(block, { maxLength: 5 }), last, fc.nat(6), async (blocks, end, size) => {
    const bytes = Uint8Array.from([...blocks.flat(), ...end])
    const byNode = await outcome(node, 'deflate-raw', bytes, size)
    const byFflate = await outcome(portable, 'deflate-raw', bytes, size)
    expect(byFflate).toEqual(byNode)
    if (typeof byNode !== 'string') read += 1
  })
  await fc.assert(property, { numRuns: 1_000 })
  expect(read).toBeGreaterThan(50)
})

it('an algorithm that is not there is not offered, not read and not written', async () => {
  expect(portable.algorithms).toEqual(['deflate-raw'])
  for (const size of [10, LARGE]) {
    expect(await outcome(portable, 'zstd', new Uint8Array(10), size)).toBe(
      'the peer sent a body compressed with zstd, which was not offered'
    )
  }
  expect(() => portable.compress('zstd', jsonOf(10), 1)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
  )
})
