import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder } from '../../../src/frame/plain.ts'
import { frameOf, join, KIB, MIB, u32 } from '../../support/bytes.ts'
import { hostileChunks } from '../../support/chunks.ts'
import { arrayBufferBytes, arrayBuffersWithin } from '../../support/heap.ts'

const LIMIT = 32 * MIB

/** Feeds a decoder, in any state, whatever it is given; what it holds afterwards is returned with it. */
function feed(decoder: FrameDecoder, chunks: Iterable<Uint8Array>): FrameDecoder {
  for (const chunk of chunks) {
    decoder.push(chunk)
    while (decoder.next() !== undefined);
  }
  return decoder
}

describe('the limit on a message', () => {
  it.each([0, 1, 1_000, LIMIT])('admits %i bytes when it is just that', limit => {
    const body = new Uint8Array(limit)
    const frame = encodeFrame(body, limit)
    expect(frame.byteLength).toBe(limit + 4)
    const decoder = new FrameDecoder(limit)
    decoder.push(frame)
    expect(decoder.next()?.byteLength).toBe(limit)
  })

  it('refuses one byte more when writing: nothing was sent', () => {
    expect(() => encodeFrame(new Uint8Array(101), 100)).toThrow(
      expect.objectContaining({
        code: 'ERR_MESSAGE_TOO_LARGE',
        message: 'a message of 101 bytes cannot be sent; maxBlockSize is 100',
        sent: false
      })
    )
  })

  it.each([101, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('refuses an announced %i bytes when reading', length => {
    const decoder = new FrameDecoder(100)
    decoder.push(u32(length))
    expect(() => decoder.next()).toThrow(
      expect.objectContaining({
        code: 'ERR_MESSAGE_TOO_LARGE',
        message: `the peer announced a message of ${length} bytes; maxBlockSize is 100`
      })
    )
  })

  it('holds for the second message as for the first', () => {
    const decoder = new FrameDecoder(100)
    decoder.push(join(frameOf(new Uint8Array(100)), u32(101)))
    expect(decoder.next()?.byteLength).toBe(100)
    expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
  })

  it('is checked before memory is taken', async () => {
    const before = await arrayBufferBytes()
    for (let round = 0; round < 100; round += 1) {
      const decoder = new FrameDecoder(LIMIT)
      for (const byte of [0xff, 0xff, 0xff]) {
        decoder.push(Uint8Array.of(byte))
        expect(decoder.next()).toBeUndefined()
      }
      decoder.push(Uint8Array.of(0xff))
      expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB)
  })
})

describe('the memory of a decoder', () => {
  it('follows the bytes that came, not the length that was announced', async () => {
    const before = await arrayBufferBytes()
    const waiting = Array.from({ length: 200 }, () => feed(new FrameDecoder(LIMIT), [u32(LIMIT), new Uint8Array(10)]))
    await arrayBuffersWithin(200 * 20 * KIB, before)
    expect(waiting).toHaveLength(200)
  })

  it.each([
    ['4 KiB', 4 * KIB],
    ['1,000 bytes', 1_000]
  ])('is at most twice what came, in chunks of %s', async (_, size) => {
    const decoder = feed(new FrameDecoder(LIMIT), [u32(LIMIT)])
    const before = await arrayBufferBytes()
    let received = 0
    for (let next = 64 * KIB; next <= 16 * MIB; next *= 2) {
      // Just past a power of two is where a buffer that doubles holds the most.
      for (; received <= next; received += size) feed(decoder, [new Uint8Array(size)])
      await arrayBuffersWithin(received * 2 + 256 * KIB, before)
    }
    expect(decoder.inFrame).toBe(true)
  })

  it('is small for a message dribbled byte by byte', async () => {
    const before = await arrayBufferBytes()
    const byte = Uint8Array.of(1)
    const decoder = feed(new FrameDecoder(LIMIT), [u32(LIMIT)])
    for (let count = 0; count < 100_000; count += 1) {
      decoder.push(byte)
      decoder.next()
    }
    await arrayBuffersWithin(512 * KIB, before)
    expect(decoder.inFrame).toBe(true)
  })

  it('is free again when the message is complete', async () => {
    const before = await arrayBufferBytes()
    const decoder = new FrameDecoder(LIMIT)
    const lengths = [8 * MIB, 5].map(length => {
      decoder.push(u32(length))
      decoder.next()
      decoder.push(new Uint8Array(length))
      return decoder.next()?.byteLength
    })
    expect(lengths).toEqual([8 * MIB, 5])
    await arrayBuffersWithin(MIB, before)
    expect(decoder.inFrame).toBe(false)
  })

  it('is not held by a small message that came in a large chunk', async () => {
    const before = await arrayBufferBytes()
    const bodies = Array.from({ length: 50 }, () => {
      const decoder = new FrameDecoder(LIMIT)
      decoder.push(join(frameOf(Uint8Array.of(1, 2, 3)), frameOf(new Uint8Array(MIB))))
      return decoder.next()
    })
    await arrayBuffersWithin(5 * MIB, before)
    expect(bodies).toHaveLength(50)
  })
})

describe('bytes that mean harm', () => {
  const MAX = 1_000

  it('give whole messages within the limit or one clear error, and nothing else', () => {
    fc.assert(
      fc.property(hostileChunks(MAX), chunks => {
        const decoder = new FrameDecoder(MAX)
        let length = 0
        try {
          for (const chunk of chunks) {
            decoder.push(chunk)
            for (let body = decoder.next(); body !== undefined; body = decoder.next()) length += 4 + body.byteLength
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'PointSubError', code: 'ERR_MESSAGE_TOO_LARGE' })
        }
        expect(length).toBeLessThanOrEqual(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0))
      }),
      { numRuns: 1_000 }
    )
  })
})
