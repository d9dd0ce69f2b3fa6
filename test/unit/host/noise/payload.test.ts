import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePayload, encodePayload, type Payload } from '../../../../src/host/noise/payload.ts'
import { bytesOf, join } from '../../../support/bytes.ts'

const field = (number: number, value: Uint8Array): Uint8Array =>
  join(Uint8Array.of((number << 3) | 2, value.byteLength), value)

const KEY = field(1, bytesOf('key'))
const SIG = field(2, bytesOf('sig'))
const PLAIN: Payload = { identityKey: bytesOf('key'), identitySig: bytesOf('sig') }

describe('the payload of a noise handshake', () => {
  it('is the protobuf of the specification', () => {
    const extensions = { webtransportCerthashes: [bytesOf('h')], streamMuxers: ['/yamux/1.0.0'] }
    const bytes = encodePayload({ ...PLAIN, extensions })
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `0a03${hex('key')}1203${hex('sig')}22110a01${hex('h')}120c${hex('/yamux/1.0.0')}`
    )
    expect(decodePayload(bytes)).toEqual({ ...PLAIN, extensions })
  })

  it.for<[string, Uint8Array, Payload]>([
    ['no extensions', join(KEY, SIG), PLAIN],
    ['another order', join(SIG, KEY), PLAIN],
    [
      'the last of several keys and signatures',
      join(field(1, bytesOf('old')), SIG, field(2, bytesOf('new')), KEY),
      {
        ...PLAIN,
        identitySig: bytesOf('new')
      }
    ],
    ['a field of bytes that is not known', join(KEY, field(3, bytesOf('x')), SIG, field(15, bytesOf('y'))), PLAIN],
    ['a number that is not known', join(KEY, Uint8Array.of(0x28, 0xff, 0xff, 0xff, 0xff, 0x7f), SIG), PLAIN],
    ['64 bits that are not known', join(KEY, Uint8Array.of(0x29, 1, 2, 3, 4, 5, 6, 7, 8), SIG), PLAIN],
    ['32 bits that are not known', join(KEY, Uint8Array.of(0x2d, 1, 2, 3, 4), SIG), PLAIN],
    ['a field whose number takes several bytes', join(KEY, Uint8Array.of(0x82, 0x7d, 1, 7), SIG), PLAIN],
    ['a key that is a number, which is none', join(KEY, SIG, Uint8Array.of(0x08, 7)), PLAIN],
    [
      'extensions that are empty',
      join(KEY, SIG, field(4, new Uint8Array(0))),
      {
        ...PLAIN,
        extensions: { webtransportCerthashes: [], streamMuxers: [] }
      }
    ],
    [
      'extensions in two parts',
      join(KEY, field(4, field(2, bytesOf('/a'))), SIG, field(4, field(2, bytesOf('/b')))),
      {
        ...PLAIN,
        extensions: { webtransportCerthashes: [], streamMuxers: ['/a', '/b'] }
      }
    ]
  ])('may have %s', ([, bytes, payload]) => {
    expect(decodePayload(bytes)).toEqual(payload)
  })

  it('comes back as it was', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 })
    const extensions = fc.record({
      webtransportCerthashes: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
      streamMuxers: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 })
    })
    fc.assert(
      fc.property(bytes, bytes, fc.option(extensions, { nil: undefined }), (identityKey, identitySig, more) => {
        const payload = { identityKey, identitySig, ...(more === undefined ? {} : { extensions: more }) }
        expect(decodePayload(encodePayload(payload))).toEqual(payload)
      })
    )
  })

  it('is read or refused, whatever the bytes, and never reaches beyond them', () => {
    const proper = encodePayload({
      ...PLAIN,
      extensions: { webtransportCerthashes: [bytesOf('h')], streamMuxers: ['/a'] }
    })
    const mutated = fc
      .array(fc.tuple(fc.nat(proper.byteLength - 1), fc.nat(255)), { maxLength: 4 })
      .map(changes => changes.reduce((bytes, [at, value]) => bytes.with(at, value), proper))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), bytes => {
        let payload: Payload
        try {
          payload = decodePayload(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
          return
        }
        const { identityKey, identitySig, extensions } = payload
        expect(identityKey.byteLength * identitySig.byteLength).toBeGreaterThan(0)
        const hashes = extensions?.webtransportCerthashes ?? []
        const held = [identityKey, identitySig, ...hashes].reduce((sum, part) => sum + part.byteLength, 0)
        expect(held).toBeLessThanOrEqual(bytes.byteLength)
      }),
      { numRuns: 2_000 }
    )
  })
})

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}
