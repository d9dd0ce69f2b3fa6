import { constants, deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { LARGE } from '../../../src/compression/codec.ts'
import { Inflation } from '../../../src/compression/inflation.ts'
import { codec as node } from '../../../src/compression/node-codec.ts'
import { join, KIB, MIB, u32 } from '../../support/bytes.ts'
import { SIDES } from '../../support/codecs.ts'

const END = Uint8Array.of(3, 0)
/** A MiB of zeroes in 1 KiB or so, to be put one behind the other. */
const MEBIBYTE = deflateRawSync(new Uint8Array(MIB), { finishFlush: constants.Z_FULL_FLUSH, level: 9 })

/** DEFLATE data of about `length` bytes that stands for about a thousand times as much. */
function bomb(length: number): Uint8Array {
  return join(...Array.from({ length: Math.floor(length / MEBIBYTE.byteLength) }, () => MEBIBYTE), END)
}

/** A Zstandard frame of blocks of 128 KiB of zeroes, four bytes each. */
function zstdBomb(header: readonly number[], blocks: number): Uint8Array {
  const run = (isLast: boolean): number[] => [(isLast ? 1 : 0) | (1 << 1), 0, 0x10, 0]
  const body = Array.from({ length: blocks }, (_, index) => run(index === blocks - 1)).flat()
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...header, ...body])
}

const WINDOW_128_KIB = [0, 7 << 3]
/** A single segment that says how much it holds: no window, but that. */
const holding = (size: number): number[] => [0xa0, ...u32(size).toReversed()]

/** The error, and by how many MiB the process was ever larger than before. */
async function refused(read: () => unknown): Promise<{ message: string; grownBy: number }> {
  globalThis.gc?.()
  const before = process.resourceUsage().maxRSS
  let message = 'nothing was refused'
  try {
    await read()
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_INVALID_FRAME' })
    message = error instanceof Error ? error.message : ''
  }
  return { message, grownBy: (process.resourceUsage().maxRSS - before) / KIB }
}

describe.each(SIDES.filter(({ algorithm }) => algorithm === 'deflate-raw'))('$name', ({ codec }) => {
  it('does not even begin with a GiB of zeroes in a MiB that claims to be a KiB', async () => {
    const bytes = bomb(MIB)
    const { message, grownBy } = await refused(() => codec.decompress('deflate-raw', bytes, KIB))
    expect(message).toBe(`the peer sent ${bytes.byteLength} compressed bytes for the 1024 it announced`)
    expect(grownBy).toBeLessThan(16)
  })

  it.each([
    [300, KIB],
    [200 * KIB, 200 * KIB],
    [MIB, MIB],
    [8 * MIB, 8 * MIB]
  ])('stops at the size announced: %i bytes that stand for a thousand times %i', async (length, size) => {
    const bytes = length === 300 ? deflateRawSync(new Uint8Array(300 * KIB)) : bomb(length)
    const { message, grownBy } = await refused(() => codec.decompress('deflate-raw', bytes, size))
    expect(message).toBe(`the peer sent compressed data of more than the ${size} bytes it announced`)
    expect(grownBy).toBeLessThan(size / MIB + 48)
  })

  it('takes no memory for a size that nothing is behind', async () => {
    const { message, grownBy } = await refused(() => codec.decompress('deflate-raw', new Uint8Array(1_000), 64 * MIB))
    expect(message).toBe('the peer sent 1000 compressed bytes for the 67108864 it announced')
    expect(grownBy).toBeLessThan(16)
  })
})

describe.runIf(node.algorithms.includes('zstd'))('zstd', () => {
  const read = (bytes: Uint8Array, size: number) => refused(() => node.decompress('zstd', bytes, size))

  it.each([
    ['that does not say how much it holds', WINDOW_128_KIB],
    ['that says it holds what was announced', holding(256 * KIB)],
    ['that says it holds less', holding(1_000)],
    ['that says it holds all it holds', holding(1024 * MIB)],
    ['that says it holds 4 GiB', holding(0xffff_ffff)],
    ['that wants a window of 2 GiB', [0, 21 << 3]]
  ])('stops at the size announced: a GiB of zeroes, in a frame %s', async (_, header) => {
    const bytes = zstdBomb(header, 8 * KIB)
    for (const size of [256 * KIB - 1, 256 * KIB, MIB]) {
      const { message, grownBy } = await read(bytes, size)
      expect(message).toMatch(
        /^the peer sent compressed data (of more than the \d+ bytes it announced|that is no zstd)/
      )
      expect(grownBy).toBeLessThan(32)
    }
  })

  it('reads such frames when they hold what was announced', async () => {
    for (const header of [WINDOW_128_KIB, holding(512 * KIB)]) {
      const back = await node.decompress('zstd', zstdBomb(header, 4), 512 * KIB)
      expect(back.byteLength).toBe(512 * KIB)
    }
  })

  it('reads windows of 8 MiB, no larger ones', async () => {
    const size = 512 * KIB
    expect((await node.decompress('zstd', zstdBomb([0, 13 << 3], 4), size)).byteLength).toBe(size)
    expect((await read(zstdBomb([0, (13 << 3) | 1], 4), size)).message).toMatch('is no zstd')
  })

  it('reads one frame: no second one, no skippable one', async () => {
    const frame = zstdBomb(WINDOW_128_KIB, 1)
    const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9)
    expect((await read(join(frame, frame), 256 * KIB)).message).toBe(
      'the peer sent bytes behind the end of its compressed data'
    )
    expect((await read(join(frame, skippable), 128 * KIB)).message).toBe(
      'the peer sent bytes behind the end of its compressed data'
    )
    expect((await read(join(skippable, frame), 128 * KIB)).message).toMatch('is no zstd')
    expect((await read(skippable, 0)).message).toMatch('is no zstd')
  })
})

it('one step of fflate has at most 4 MiB too much', () => {
  const inflation = new Inflation(bomb(64 * KIB), 64 * MIB)
  let largest = 0
  for (let before = 0; inflation.step(); before = inflation.length) {
    largest = Math.max(largest, inflation.length - before)
  }
  expect(largest).toBeGreaterThan(3 * MIB)
  expect(largest).toBeLessThan(4.1 * MIB)
  expect(LARGE).toBeLessThan(largest)
})
