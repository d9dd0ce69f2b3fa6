import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeMessage,
  decodeMessageHeader,
  encodeMessage,
  isExpired,
  MESSAGE_HEADER_BYTES,
  type MessageInit
} from '../../../src/smts/index.ts'
import { join } from '../../support/bytes.ts'
import { pattern } from '../../support/smts.ts'

const NIBBLE = fc.nat(15)
const MESSAGES = fc.record({
  version: NIBBLE,
  priority: NIBBLE,
  type: NIBBLE,
  flags: NIBBLE,
  id: fc.nat(0xff_ff_ff_ff),
  timestamp: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ttl: fc.nat(65_535),
  routingKey: fc.string({ unit: 'grapheme', maxLength: 15 }),
  body: fc.uint8Array({ maxLength: 300 })
})

const refused = (code: string): unknown => expect.objectContaining({ code })

describe('a message', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(MESSAGES, message => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message)
      })
    )
  })

  it('has a header that says what belongs to it', () => {
    const bytes = encodeMessage({ routingKey: 'ä', body: pattern(7), id: 3 })
    expect(decodeMessageHeader(bytes.subarray(0, MESSAGE_HEADER_BYTES))).toMatchObject({
      id: 3,
      version: 1,
      priority: 1,
      routingKeyLength: 2,
      bodyLength: 7
    })
  })

  it('is of now unless it says when', () => {
    const before = BigInt(Date.now()) * 1_000_000n
    const { timestamp } = decodeMessage(encodeMessage({}))
    expect(timestamp >= before && timestamp <= BigInt(Date.now()) * 1_000_000n).toBe(true)
  })

  it('expires after its ttl, if it has one', () => {
    const timestamp = 1_000_000_000n
    expect(isExpired({ ttl: 5, timestamp }, 6_000)).toBe(false)
    expect(isExpired({ ttl: 5, timestamp }, 6_001)).toBe(true)
    expect(isExpired({ ttl: 0, timestamp })).toBe(false)
  })
})

describe('what cannot be a message', () => {
  it.for<MessageInit>([
    { version: 16 },
    { priority: -1 },
    { type: 1.5 },
    { flags: 16 },
    { id: 2 ** 32 },
    { ttl: 65_536 },
    { timestamp: 2n ** 63n },
    { routingKey: 'ä'.repeat(128) }
  ])('is refused when it is encoded: %o', init => {
    expect(() => encodeMessage(init)).toThrow(refused('ERR_INVALID_ARGUMENT'))
  })

  it('is refused above the limit, also before the body is there', () => {
    const bytes = encodeMessage({ body: pattern(1001) })
    expect(() => encodeMessage({ body: pattern(1001) }, 1000)).toThrow(refused('ERR_MESSAGE_TOO_LARGE'))
    expect(() => decodeMessageHeader(bytes.subarray(0, 29), 1000)).toThrow(refused('ERR_MESSAGE_TOO_LARGE'))
  })

  it('is refused when it is cut off anywhere, or has bytes behind it', () => {
    const bytes = encodeMessage({ routingKey: 'key', body: pattern(9) })
    for (let cut = 0; cut < bytes.byteLength; cut += 1) {
      expect(() => decodeMessage(bytes.subarray(0, cut))).toThrow(refused('ERR_INVALID_FRAME'))
    }
    expect(() => decodeMessage(join(bytes, Uint8Array.of(0)))).toThrow(refused('ERR_INVALID_FRAME'))
  })

  it('is refused when a byte of its header or body is another', () => {
    const bytes = encodeMessage({ body: pattern(9) })
    for (let at = 0; at < bytes.byteLength; at += 1) {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => decodeMessage(changed)).toThrow(refused('ERR_INVALID_FRAME'))
    }
  })

  it('is refused with a routing key that is not UTF-8', () => {
    const bytes = encodeMessage({ routingKey: 'k' })
    bytes[29] = 0xff
    expect(() => decodeMessage(bytes)).toThrow(refused('ERR_INVALID_FRAME'))
  })
})
