import fc from 'fast-check'
import * as lengthPrefixed from 'it-length-prefixed'
import type { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder } from '../../../src/frame/plain.ts'
import { join, u32 } from '../../support/bytes.ts'
import { BODIES, CUTS, split } from '../../support/chunks.ts'

const MIB = 1024 * 1024

/** it-length-prefixed's own u32 in big-endian order; `bytes` and the RangeError are what its decoder needs to end. */
const lengthEncoder = Object.assign((length: number) => u32(length), { bytes: 4 })
const lengthDecoder = Object.assign(
  (bytes: Uint8ArrayList | Uint8Array): number => {
    if (bytes.byteLength < 4) throw new RangeError('a length has four bytes')
    const header = bytes.slice(0, 4)
    return new DataView(header.buffer, header.byteOffset).getUint32(0)
  },
  { bytes: 4 }
)
const options = { lengthEncoder, lengthDecoder, maxDataLength: MIB, maxLengthLength: 4 }

function hex(bodies: readonly Uint8Array[]): string[] {
  return bodies.map(body => Buffer.from(body).toString('hex'))
}

describe('it-length-prefixed', () => {
  it('reads what this package writes, split anywhere', () => {
    fc.assert(
      fc.property(BODIES, CUTS, (bodies, cuts) => {
        const chunks = split(join(...bodies.map(body => encodeFrame(body, MIB))), cuts)
        const read = [...lengthPrefixed.decode(chunks, options)].map(body => body.subarray())
        expect(hex(read)).toEqual(hex(bodies))
      })
    )
  })

  it('writes what this package reads, split anywhere', () => {
    fc.assert(
      fc.property(BODIES, CUTS, (bodies, cuts) => {
        const decoder = new FrameDecoder(MIB)
        const read: Uint8Array[] = []
        for (const chunk of split(join(...lengthPrefixed.encode(bodies, options)), cuts)) {
          decoder.push(chunk)
          for (let body = decoder.next(); body !== undefined; body = decoder.next()) read.push(body)
        }
        expect(hex(read)).toEqual(hex(bodies))
        expect(decoder.inFrame).toBe(false)
      })
    )
  })

  it('writes the same bytes', () => {
    fc.assert(
      fc.property(BODIES, bodies => {
        const ours = join(...bodies.map(body => encodeFrame(body, MIB)))
        expect(Buffer.compare(ours, join(...lengthPrefixed.encode(bodies, options)))).toBe(0)
      })
    )
  })
})
