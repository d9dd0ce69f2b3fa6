import { describe, expect, it } from 'vitest'
import { crc32 } from '../../../src/smts/crc32.ts'
import {
  decodeMessage,
  encodeFrame,
  encodeMessage,
  FLAGS,
  isReadableByGo,
  MESSAGE_HEADER_BYTES
} from '../../../src/smts/index.ts'
import { join, sameBytes } from '../../support/bytes.ts'
import { collect, framesOf, fromHex, pattern, SMTS_VECTORS, smtsPair, toHex } from '../../support/smts.ts'

const { messages, streams, compressed, received, flagged, processed } = SMTS_VECTORS
type Recorded = (typeof messages)[number]

function dataOf({ size, dataHex }: Recorded): Uint8Array {
  return dataHex === undefined ? pattern(size ?? 0) : fromHex(dataHex)
}

/** What Go wrote, made whole from the recorded header and the pattern. */
function wireOf(vector: Recorded): Uint8Array {
  if (vector.hex !== undefined) return fromHex(vector.hex)
  const data = dataOf(vector)
  return join(fromHex(vector.head ?? '').subarray(0, vector.total - data.byteLength), data)
}

describe('what Go PointSub v1.2.4 wrote', () => {
  it.for(messages)('is whole: $total bytes', vector => {
    expect(crc32(wireOf(vector)).toString(16)).toBe(vector.crc32)
  })

  it.for(messages)('is a frame, whether Go can read it or not: $total bytes, $goReads', vector => {
    const frames = framesOf(wireOf(vector))
    expect(frames.map(({ flags }) => flags)).toEqual([0])
    expect(frames.every(({ data }) => sameBytes(data, dataOf(vector)))).toBe(true)
  })

  it.for(messages.filter(({ goReads }) => goReads === 'same'))('is what we write: $total bytes', vector => {
    expect(sameBytes(encodeFrame(dataOf(vector)), wireOf(vector))).toBe(true)
  })

  it.for(messages)('says which sizes Go misreads: $total bytes, $goReads', vector => {
    const data = dataOf(vector)
    expect(isReadableByGo(data.byteLength)).toBe(vector.goReads === 'same')
    if (vector.goReads !== 'same') expect(() => encodeFrame(data)).toThrow(/Go misreads/)
  })

  it.for(received)('means the same to us: $hex', ({ hex, error, dataHex }) => {
    if (error === true) expect(() => framesOf(fromHex(hex))).toThrow(/checksum/)
    else expect(framesOf(fromHex(hex)).map(({ data }) => toHex(data))).toEqual([dataHex])
  })

  it.for(flagged)('has the flags that we write: $flags', ({ flags, dataHex, hex }) => {
    expect(toHex(encodeFrame(fromHex(dataHex), flags))).toBe(hex)
    expect(framesOf(fromHex(hex))).toEqual([{ flags, data: fromHex(dataHex) }])
  })

  it('is decompressed', async () => {
    for (const { hex = '', byte, size } of compressed) {
      await using pair = smtsPair()
      await pair.nearConn.write(fromHex(hex))
      expect(await pair.far.receive()).toEqual(new Uint8Array(size).fill(Number.parseInt(byte, 16)))
    }
  })
})

describe.for(streams)(
  'a stream of $size bytes that Go sent from a $reader',
  ({ size, writes, headers, ...recorded }) => {
    const data = pattern(size)
    const parts: Uint8Array[] = []
    let at = 0
    for (const [index, header] of (headers ?? [recorded.hex ?? '']).entries()) {
      const length = writes[index * 2 + 1] ?? 0
      parts.push(fromHex(header), data.subarray(at, at + length))
      at += length
    }
    const wire = join(...parts)

    it('is whole', () => {
      expect(wire.byteLength).toBe(recorded.total)
      expect(crc32(wire).toString(16)).toBe(recorded.crc32)
    })

    it('comes out, as a stream and as a message, the empty one included', async () => {
      await using pair = smtsPair()
      await pair.nearConn.write(join(wire, wire))
      expect(sameBytes(await collect(pair.far.receiveStream()), data)).toBe(true)
      expect(sameBytes((await pair.far.receive()) ?? new Uint8Array(9), data)).toBe(true)
    })

    it('has frames of the same kind as ours', async () => {
      await using pair = smtsPair()
      await pair.near.sendStream(size === 0 ? [] : [data])
      const ours = framesOf(pair.sent())
      expect(ours.at(-1)).toEqual({
        flags: size === 0 ? FLAGS.first | FLAGS.last : FLAGS.last,
        data: new Uint8Array(0)
      })
      expect(ours.filter(({ flags }) => (flags & FLAGS.first) !== 0)).toEqual(ours.slice(0, 1))
      if (recorded.reader === 'io.Reader') expect(sameBytes(pair.sent(), wire)).toBe(true)
    })
  }
)

describe.for(processed)('a message of Go’s message processor: $routingKey', vector => {
  const { bodyHex, hex, timestamp, ...rest } = vector
  const message = { ...rest, timestamp: BigInt(timestamp), body: fromHex(bodyHex) }

  it('is what we write', () => expect(toHex(encodeMessage(message))).toBe(hex))
  it('is what we read', () => expect(decodeMessage(fromHex(hex))).toEqual(message))
  it('has a header of 29 bytes', () => {
    expect(fromHex(hex).byteLength).toBe(
      MESSAGE_HEADER_BYTES + Buffer.byteLength(vector.routingKey) + message.body.byteLength
    )
  })
})
