import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32 } from '../../../src/smts/crc32.ts'
import { encodeFrame, type Frame, FrameDecoder, isReadableByGo } from '../../../src/smts/index.ts'
import { join, sameBytes, u32 } from '../../support/bytes.ts'
import { BODIES, CUTS, split } from '../../support/chunks.ts'
import { Random } from '../../support/random.ts'
import { framesOf, fromHex, pattern } from '../../support/smts.ts'

const MIB = 1024 * 1024
const LIMIT = 16 * MIB
const GO_BODIES = BODIES.map(bodies => bodies.map(body => body.subarray(0, 65_536)))

/** The long header that Go writes, also where nobody but us can read it. */
function longFrame(data: Uint8Array, flags = 0): Uint8Array {
  return join(u32(data.byteLength), u32(crc32(data)), u32(flags), data)
}

function decode(chunks: readonly Uint8Array[], maxBytes = LIMIT): Frame[] {
  const decoder = new FrameDecoder(maxBytes)
  const frames: Frame[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame)
  }
  const last = decoder.finish()
  return last === undefined ? frames : [...frames, last]
}

describe('frames', () => {
  it('come out as they went in, however the bytes are split', () => {
    fc.assert(
      fc.property(GO_BODIES, fc.nat(63), CUTS, (bodies, flags, cuts) => {
        const frames = decode(split(join(...bodies.map(body => encodeFrame(body, flags))), cuts))
        expect(frames.map(frame => frame.flags)).toEqual(bodies.map(() => flags))
        expect(frames.every(({ data }, i) => sameBytes(data, bodies[i] ?? new Uint8Array()))).toBe(true)
      })
    )
  })

  it('come out when every byte comes alone', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), bodies => {
        const wire = join(...bodies.map(body => encodeFrame(body)))
        const frames = decode(Array.from(wire, byte => Uint8Array.of(byte)))
        expect(frames.map(({ data }) => data)).toEqual(bodies)
      })
    )
  })

  it('cut off anywhere are an end in the middle of a frame, never a frame', () => {
    const compact = encodeFrame(pattern(20), 1)
    for (const wire of [compact, longFrame(pattern(65_536)), longFrame(pattern(70_000))]) {
      for (let cut = 1; cut < 24; cut += 1) {
        expect(() => framesOf(wire.subarray(0, cut))).toThrow(/in the middle of a frame|checksum does not hold/)
      }
    }
  })

  it('of the long kind may be short, and an empty one is checked by nobody', () => {
    expect(framesOf(longFrame(pattern(5)))).toEqual([{ flags: 0, data: pattern(5) }])
    expect(framesOf(join(u32(0), u32(9), u32(2)))).toEqual([{ flags: 2, data: new Uint8Array() }])
    expect(framesOf(fromHex('00001242'))).toEqual([{ flags: 2, data: new Uint8Array() }])
  })

  it('of the long kind may have flags of their own', () => {
    expect(framesOf(longFrame(pattern(5), 0x8000_0100)).map(({ flags }) => flags)).toEqual([0x8000_0100])
  })

  it('without a checksum are taken as they are', () => {
    const data = pattern(70_000 - 112)
    expect(isReadableByGo(data.byteLength)).toBe(true)
    const [frame] = framesOf(join(u32(data.byteLength), u32(0), u32(0), data))
    expect(sameBytes(frame?.data ?? new Uint8Array(), data)).toBe(true)
  })

  it('keep no large buffer alive', () => {
    const chunk = join(encodeFrame(pattern(10)), encodeFrame(pattern(60_000)))
    const [small] = framesOf(chunk)
    expect(small?.data.buffer.byteLength).toBe(10)
  })
})

describe('frames that Go itself misreads', () => {
  it('come out whole: every kind of size, with data of every kind, however split', () => {
    const sizes = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.nat(255), fc.integer({ min: 64, max: 255 }))
      .map(([high, middle, low]) => high * 65_536 + middle * 256 + (low | 64))
    fc.assert(
      fc.property(sizes, fc.nat(0xff_ff_ff), fc.nat(63), CUTS, (size, seed, flags, cuts) => {
        const data = new Uint8Array(size).fill(seed & 255)
        data.set(u32(seed))
        const wire = longFrame(data, flags)
        const frames = decode(split(join(wire, encodeFrame(pattern(3))), cuts))
        expect(frames.map(({ data: { byteLength } }) => byteLength)).toEqual([size, 3])
        expect(frames[0]?.flags).toBe(flags)
        expect(sameBytes(frames[0]?.data ?? new Uint8Array(), data)).toBe(true)
      }),
      { numRuns: 60 }
    )
  })

  it.for([1, 4, 5, 8, 9])('come out whole when their short reading holds, too: short size %i', high => {
    const random = new Random(high)
    const [wire, size] = coincidence(random, high)
    const next = encodeFrame(pattern(3))
    for (const chunks of [[join(wire, next)], [wire, next], [wire.subarray(0, 15), wire.subarray(15), next]]) {
      expect(decode(chunks).map(({ data }) => data.byteLength)).toEqual([size, 3])
    }
    // Go writes the header by itself: what is known to have come behind it decides.
    const decoder = new FrameDecoder(LIMIT)
    decoder.push(wire.subarray(0, 12))
    expect(decoder.next(true)).toBeUndefined()
    decoder.push(wire.subarray(12))
    expect(decoder.next()?.data.byteLength).toBe(size)
  })

  it('are not what short frames are taken for that look like them', () => {
    // Data such as a u32 and a small u32, with other frames behind it or not.
    const short = encodeFrame(fromHex('1234567800000005'))
    expect(framesOf(short)).toHaveLength(1)
    const behind = [short, encodeFrame(new Uint8Array(0), 2), encodeFrame(pattern(65_536)), longFrame(pattern(70_000))]
    for (const other of behind) expect(framesOf(join(short, other, short))).toHaveLength(3)
    const decoder = new FrameDecoder(LIMIT)
    decoder.push(short)
    expect(decoder.next()?.data.byteLength).toBe(8)
  })

  it('are told from short ones by no more bytes than either has', () => {
    const decoder = new FrameDecoder(LIMIT)
    decoder.push(encodeFrame(Uint8Array.of(9), 0))
    expect(decoder.next()).toEqual({ flags: 0, data: Uint8Array.of(9) })
    expect(decoder.inFrame).toBe(false)
  })

  it('are no excuse for a checksum that does not hold', () => {
    for (const hex of [
      '0005014068656c6c6f',
      '000101400000000000000000',
      '0001014009000000000000ff',
      '0001014009000000ff000000',
      '000101c009'
    ]) {
      expect(() => framesOf(fromHex(hex))).toThrow(expect.objectContaining({ code: 'ERR_INVALID_FRAME' }))
    }
  })

  it('may be short ones without a checksum, if the stream ends there', () => {
    expect(framesOf(fromHex('0001004009'))).toEqual([{ flags: 0, data: Uint8Array.of(9) }])
  })
})

describe('a size', () => {
  it.for(['7fffffff', 'ffffffbf', '01000001', 'ffffff40'])(
    'above the limit is refused before memory is taken: %s',
    hex => {
      const decoder = new FrameDecoder(1000)
      decoder.push(join(fromHex(hex), u32(1), u32(0)))
      for (const _ of [1, 2]) {
        expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
      }
      decoder.push(pattern(10))
      expect(decoder.inFrame).toBe(false)
    }
  )

  it('of exactly the limit is taken', () => {
    expect(decode([encodeFrame(pattern(1000))], 1000)).toHaveLength(1)
    expect(decode([longFrame(pattern(65_536))], 65_536)).toHaveLength(1)
  })
})

it('hostile bytes end in frames or one error, whatever they are and however they are cut', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 20 }).map(data => encodeFrame(data)),
    fc
      .tuple(fc.nat(), fc.nat(), fc.nat(255))
      .map(([size, checksum, flags]) => join(u32(size), u32(checksum), u32(flags))),
    fc.tuple(fc.nat(12), fc.nat(255), fc.nat(255)).map(([size, sum, flags]) => Uint8Array.of(0, size, sum, flags | 64))
  )
  const outcome = (chunks: Uint8Array[]): unknown => {
    const frames: Frame[] = []
    const decoder = new FrameDecoder(4096)
    try {
      for (const chunk of chunks) {
        decoder.push(chunk)
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame)
      }
      frames.push(...[decoder.finish() ?? []].flat())
    } catch (error) {
      return [frames, error instanceof Error && 'code' in error ? error.code : error]
    }
    return [frames, 'end']
  }
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), CUTS, (pieces, cuts) => {
      const wire = join(...pieces)
      const [, code] = outcome([wire]) as [Frame[], string]
      expect(['end', 'ERR_INVALID_FRAME', 'ERR_MESSAGE_TOO_LARGE', 'ERR_UNEXPECTED_EOF']).toContain(code)
      // Where the bytes are cut changes nothing.
      expect(outcome(split(wire, cuts))).toEqual(outcome([wire]))
    }),
    { numRuns: 500 }
  )
})

/** A frame of Go that begins like a whole short one of `high` bytes, and the size of its data. */
function coincidence(random: Random, high: number): [wire: Uint8Array, size: number] {
  for (;;) {
    const size = 65_536 * high + 256 * random.below(256) + 64 + random.below(8)
    const data = new Uint8Array(size)
    data.set(random.bytes(40))
    const wire = longFrame(data)
    if ((crc32(wire.subarray(4, 4 + high)) & 255) === wire[2]) return [wire, size]
  }
}
