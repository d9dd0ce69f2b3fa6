import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder, HEADER_BYTES } from '../../../src/frame/plain.ts'
import { frameOf, join, u32 } from '../../support/bytes.ts'
import { BODIES, CUTS, split } from '../../support/chunks.ts'

const MIB = 1024 * 1024
const ANY = 2 ** 32 - 1

/** What a decoder gives for chunks pushed one by one, each followed by as many `next()` as there are frames. */
function decode(chunks: readonly Uint8Array[], decoder: FrameDecoder = new FrameDecoder(MIB)): Uint8Array[] {
  return chunks.flatMap(chunk => {
    decoder.push(chunk)
    return drain(decoder)
  })
}

function drain(decoder: FrameDecoder): Uint8Array[] {
  const bodies: Uint8Array[] = []
  for (let body = decoder.next(); body !== undefined; body = decoder.next()) bodies.push(body)
  return bodies
}

/** Bodies as texts that compare fast and print short. */
function hex(bodies: readonly Uint8Array[]): string[] {
  return bodies.map(body => Buffer.from(body).toString('hex'))
}

describe('frames', () => {
  it('come out as they went in, however the bytes are split', () => {
    fc.assert(
      fc.property(BODIES, CUTS, (bodies, cuts) => {
        const decoder = new FrameDecoder(MIB)
        const wire = join(...bodies.map(body => encodeFrame(body, MIB)))
        expect(hex(decode(split(wire, cuts), decoder))).toEqual(hex(bodies))
        expect(decoder.inFrame).toBe(false)
      })
    )
  })

  it('come out as they went in when every byte comes alone', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), bodies => {
        const wire = join(...bodies.map(body => encodeFrame(body, MIB)))
        const single = Array.from(wire, byte => Uint8Array.of(byte))
        expect(hex(decode(single))).toEqual(hex(bodies))
      })
    )
  })

  it('come out as they went in when all chunks are pushed before the first is asked for', () => {
    fc.assert(
      fc.property(BODIES, CUTS, (bodies, cuts) => {
        const decoder = new FrameDecoder(MIB)
        for (const chunk of split(join(...bodies.map(frameOf)), cuts)) decoder.push(chunk)
        expect(hex(drain(decoder))).toEqual(hex(bodies))
      })
    )
  })

  it('may be asked for at any moment without harm', () => {
    fc.assert(
      fc.property(BODIES, CUTS, fc.infiniteStream(fc.nat(3)), (bodies, cuts, asks) => {
        const decoder = new FrameDecoder(MIB)
        const out: Uint8Array[] = []
        for (const chunk of split(join(...bodies.map(frameOf)), cuts)) {
          decoder.push(chunk)
          for (let ask = asks.next().value; ask > 0; ask -= 1) {
            const body = decoder.next()
            if (body !== undefined) out.push(body)
          }
        }
        expect(hex([...out, ...drain(decoder)])).toEqual(hex(bodies))
      })
    )
  })

  it('are told to be unfinished exactly when they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(), (body, at) => {
        const wire = encodeFrame(body, MIB)
        const cut = at % (wire.byteLength + 1)
        const decoder = new FrameDecoder(MIB)
        decode([wire.slice(0, cut)], decoder)
        expect(decoder.inFrame).toBe(cut !== 0 && cut !== wire.byteLength)
      })
    )
  })

  it('are copies: the body that was sent may be changed right after', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), CUTS, (body, cuts) => {
        const sent = body.slice()
        const wire = encodeFrame(sent, MIB)
        sent.fill(0xee)
        const chunks = split(wire, cuts)
        const [out] = decode(chunks)
        expect(hex([out ?? new Uint8Array(0)])).toEqual(hex([body]))
      })
    )
  })

  it('are four bytes longer than their body', () => {
    expect(HEADER_BYTES).toBe(4)
    expect(encodeFrame(new Uint8Array(0), ANY)).toEqual(new Uint8Array(4))
    expect(encodeFrame(Uint8Array.of(7, 8), ANY)).toEqual(Uint8Array.of(0, 0, 0, 2, 7, 8))
  })

  it('are made from a view into a larger buffer as well', () => {
    const large = Uint8Array.from({ length: 100 }, (_, index) => index)
    expect(encodeFrame(large.subarray(10, 13), ANY)).toEqual(Uint8Array.of(0, 0, 0, 3, 10, 11, 12))
    expect(hex(decode([join(u32(3), large).subarray(0, 7)]))).toEqual(['000102'])
  })
})
