import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Algorithm, type Codec, LARGE } from '../../../src/compression/codec.ts'
import { Compressor, type CompressorOptions } from '../../../src/compression/compressor.ts'
import { codec as node } from '../../../src/compression/node-codec.ts'
import { codec as portable } from '../../../src/compression/portable-codec.ts'
import { bytesOf, KIB, MIB, randomBody, sameBytes } from '../../support/bytes.ts'
import { jsonOf } from '../../support/codecs.ts'

interface Asked {
  readonly algorithm: Algorithm
  readonly size: number
  readonly level: number
}

/** A codec that notes what it was asked for; its answers are `ratio` times as long. */
function noting(ratio: () => number, algorithms: readonly Algorithm[] = ['deflate-raw', 'zstd']) {
  const asked: Asked[] = []
  const codec: Codec = {
    algorithms,
    compress: (algorithm, { byteLength }, level) => {
      asked.push({ algorithm, size: byteLength, level })
      const bytes = new Uint8Array(Math.ceil(byteLength * ratio()))
      return byteLength < LARGE ? bytes : Promise.resolve(bytes)
    },
    decompress: () => new Uint8Array(0)
  }
  return { asked, codec }
}

const OPTIONS: CompressorOptions = { enabled: true, threshold: KIB, maxRatio: 0.9, level: 3 }
const READS_BOTH = ['deflate-raw', 'zstd'] as const
const text = (length: number): Uint8Array => new Uint8Array(length).fill(65)

describe('what is compressed', () => {
  it.each([
    ['node:zlib', node],
    ['fflate', portable]
  ])('can be read again, with %s', async (_, codec) => {
    for (const size of [KIB, 16 * KIB, 100 * KIB, LARGE, MIB]) {
      const compressor = new Compressor(OPTIONS, codec)
      compressor.peerReads(READS_BOTH)
      const body = jsonOf(size)
      const compressed = await compressor.compress(body)
      if (compressed === undefined) throw new Error('it was not compressed')
      expect(compressed.bytes.byteLength).toBeLessThan(size / 2)
      expect(sameBytes(await codec.decompress(compressed.algorithm, compressed.bytes, size), body)).toBe(true)
    }
  })

  it('has at least as many bytes as the threshold', () => {
    const compressor = new Compressor({ ...OPTIONS, threshold: 100 })
    expect(compressor.compress(text(99))).toBeUndefined()
    expect(compressor.compress(text(100))).toMatchObject({ algorithm: 'deflate-raw' })
  })

  it('is nothing when it is not enabled', () => {
    expect(new Compressor({ ...OPTIONS, enabled: false }).compress(text(MIB))).toBeUndefined()
  })

  it.each([10 * KIB, MIB])('of %i bytes has become smaller than the ratio', async size => {
    let ratio = 0.9
    const { codec } = noting(() => ratio)
    const compressor = new Compressor(OPTIONS, codec)
    expect(await compressor.compress(text(size))).toBeUndefined()
    ratio = 0.89
    expect((await compressor.compress(text(size)))?.bytes.byteLength).toBe(Math.ceil(size * 0.89))
  })

  it('is compressed at the level of the options', async () => {
    const { asked, codec } = noting(() => 0.5)
    await new Compressor({ ...OPTIONS, level: 7 }, codec).compress(text(KIB))
    expect(asked).toEqual([{ algorithm: 'deflate-raw', size: KIB, level: 7 }])
  })

  it('is decided at once below 256 KiB', () => {
    const compressor = new Compressor(OPTIONS)
    expect(compressor.compress(text(LARGE - 1))).toMatchObject({ algorithm: 'deflate-raw' })
    expect(compressor.compress(text(LARGE))).toBeInstanceOf(Promise)
    expect(compressor.compress(randomBody(MIB))).toBeUndefined()
  })
})

describe('the algorithm', () => {
  const chosen = (reads: readonly Algorithm[] | undefined, has: readonly Algorithm[], size: number): string => {
    const { asked, codec } = noting(() => 0.5, has)
    const compressor = new Compressor(OPTIONS, codec)
    if (reads !== undefined) compressor.peerReads(reads)
    void compressor.compress(text(size))
    return asked[0]?.algorithm ?? 'none'
  }

  it.each([
    ['before the peer has said what it reads', undefined, 'deflate-raw', 'deflate-raw'],
    ['for a peer that reads both', READS_BOTH, 'deflate-raw', 'zstd'],
    ['for a peer that reads both, in its own order', ['zstd', 'deflate-raw'] as const, 'deflate-raw', 'zstd'],
    ['for a peer without zstd', ['deflate-raw'] as const, 'deflate-raw', 'deflate-raw'],
    ['for a peer that reads only zstd', ['zstd'] as const, 'zstd', 'zstd'],
    ['for a peer that reads none', [], 'none', 'none']
  ])('%s', (_, reads, small, large) => {
    expect(chosen(reads, READS_BOTH, 4 * KIB)).toBe(small)
    expect(chosen(reads, READS_BOTH, 200 * KIB)).toBe(large)
    expect(chosen(reads, READS_BOTH, MIB)).toBe(large)
  })

  it('is one this side has', () => {
    expect(chosen(READS_BOTH, ['deflate-raw'], MIB)).toBe('deflate-raw')
    expect(chosen(['zstd'], ['deflate-raw'], MIB)).toBe('none')
  })
})

describe('bytes that do not compress', () => {
  it.each([2 * KIB, 64 * KIB, MIB])('never reach the codec when %i of them look random', size => {
    const { asked, codec } = noting(() => 1)
    const compressor = new Compressor(OPTIONS, codec)
    for (let round = 0; round < 20; round += 1) expect(compressor.compress(randomBody(size))).toBeUndefined()
    expect(compressor.compress(gzipSync(jsonOf(2 * MIB)).subarray(100))).toBeUndefined()
    expect(asked).toEqual([])
  })

  it('are tried ever more seldom, but again and again, when they do not look so', async () => {
    const { asked, codec } = noting(() => 1)
    const compressor = new Compressor(OPTIONS, codec)
    const tries: number[] = []
    for (let call = 0; call < 2_000; call += 1) {
      const before = asked.length
      await compressor.compress(text(KIB))
      if (asked.length > before) tries.push(call)
    }
    expect(tries.slice(0, 7)).toEqual([0, 1, 2, 7, 16, 33, 66])
    expect(tries.slice(-3)).toEqual([1_288, 1_545, 1_802])
  })

  it('are forgotten as soon as some compress', async () => {
    let ratio = 1
    const { asked, codec } = noting(() => ratio)
    const compressor = new Compressor(OPTIONS, codec)
    for (let call = 0; call < 8; call += 1) await compressor.compress(text(KIB))
    expect(asked).toHaveLength(4)
    ratio = 0.5
    for (let call = 0; call < 8; call += 1) await compressor.compress(text(KIB))
    expect(compressor.compress(text(KIB))).toBeDefined()
    ratio = 1
    asked.length = 0
    for (let call = 0; call < 8; call += 1) await compressor.compress(text(KIB))
    expect(asked).toHaveLength(4)
  })

  it('are found out by an excerpt when they are many', async () => {
    const { asked, codec } = noting(() => 0.96)
    const compressor = new Compressor(OPTIONS, codec)
    expect(await compressor.compress(text(8 * MIB))).toBeUndefined()
    expect(asked).toEqual([{ algorithm: 'deflate-raw', size: 16 * KIB, level: 3 }])
  })

  it('get the benefit of the doubt when their excerpt nearly compresses', async () => {
    const ratios = [0.94, 0.8]
    const { asked, codec } = noting(() => ratios.shift() ?? 1)
    expect(await new Compressor(OPTIONS, codec).compress(text(MIB))).toBeDefined()
    expect(asked.map(({ size }) => size)).toEqual([16 * KIB, MIB])
  })

  it('include those for which there was no memory', async () => {
    const { codec } = noting(() => 0.5)
    const failing: Codec = {
      ...codec,
      compress: (algorithm, bytes, level) =>
        bytes.byteLength < LARGE ? codec.compress(algorithm, bytes, level) : Promise.reject(new RangeError('no memory'))
    }
    expect(await new Compressor(OPTIONS, failing).compress(text(MIB))).toBeUndefined()
  })

  it('are sent as they are even when they look like text', () => {
    const noise = bytesOf(Array.from(randomBody(8 * KIB), byte => String.fromCharCode(32 + (byte & 63))).join(''))
    expect(new Compressor({ ...OPTIONS, maxRatio: 0.7 }).compress(noise)).toBeUndefined()
  })
})
