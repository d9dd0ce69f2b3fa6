import fc from 'fast-check'
import { join } from './bytes.ts'

/** Cuts `bytes` at any places, the same place more than once included (which makes empty chunks). */
export function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map(cut => Math.floor(cut * bytes.byteLength)).toSorted((a, b) => a - b), bytes.byteLength]
  return places.slice(1).map((place, index) => bytes.slice(places[index], place))
}

/** Where to cut, as shares of the whole. */
export const CUTS: fc.Arbitrary<number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 })

/** Bodies of messages: mostly small, some around the sizes where buffers grow. */
export const BODIES: fc.Arbitrary<Uint8Array[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          fc.constantFrom(16_380, 16_384, 32_768, 65_535, 65_536, 100_000),
          fc.integer({ min: -2, max: 2 }),
          fc.nat(255)
        )
        .map(([length, more, byte]) => new Uint8Array(length + more).fill(byte))
    }
  ),
  { maxLength: 12 }
)

/** Chunks of bytes that are no frames, or frames with something wrong, cut anywhere. */
export function hostileChunks(maxBytes: number): fc.Arbitrary<Uint8Array[]> {
  const header = (length: number): Uint8Array => {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, length)
    return bytes
  }
  const small = fc.uint8Array({ maxLength: 64 })
  const frame = small.map(body => join(header(body.byteLength), body))
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    frame,
    fc.tuple(frame, fc.nat(20)).map(([bytes, cut]) => bytes.slice(0, Math.max(1, bytes.byteLength - cut))),
    fc
      .tuple(fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff, maxBytes + 1), small)
      .map(([length, body]) => join(header(length), body)),
    fc.tuple(fc.integer({ min: 65, max: maxBytes }), small).map(([length, body]) => join(header(length), body))
  )
  return fc
    .tuple(fc.array(piece, { minLength: 1, maxLength: 6 }), CUTS)
    .map(([pieces, cuts]) => split(join(...pieces), cuts).filter(chunk => chunk.byteLength > 0))
}
