import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitMessage } from '../../../src/host/split-identify.ts'

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 0x80, ...varint(value >> 7)])
const prefixed = (body: number[]): Uint8Array => Uint8Array.from([...varint(body.length), ...body])

/** Any field of protobuf: a varint, eight bytes, a length-prefixed text, four bytes. */
const field = fc.oneof(
  fc.nat({ max: 2 ** 28 }).map(value => [8, ...varint(value)]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map(value => [9, ...value]),
  fc.uint8Array({ maxLength: 300 }).map(value => [26, ...varint(value.byteLength), ...value]),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map(value => [13, ...value])
)

/** Takes length-prefixed messages apart again. */
function bodies(bytes: Uint8Array): number[][] {
  const found: number[][] = []
  let at = 0
  while (at < bytes.byteLength) {
    let length = 0
    for (let shift = 0; ; shift += 7, at += 1) {
      length += ((bytes[at] ?? 0) & 0x7f) << shift
      if ((bytes[at] ?? 0) < 128) break
    }
    found.push([...bytes.subarray(at + 1, at + 1 + length)])
    at += 1 + length
  }
  return found
}

describe('splitMessage', () => {
  it('cuts between fields, keeps their order and every part within the limit', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 60 }), fc.integer({ min: 310, max: 2000 }), (fields, limit) => {
        const body = fields.flat()
        const parts = splitMessage(prefixed(body), limit)
        if (body.length <= limit) {
          expect(parts).toBeUndefined()
        } else {
          const split = bodies(parts ?? new Uint8Array(0))
          expect(split.flat()).toEqual(body)
          expect(Math.max(...split.map(part => part.length))).toBeLessThanOrEqual(limit)
        }
      })
    )
  })

  it('leaves alone what is not one whole message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
        const parts = splitMessage(bytes, 16)
        if (parts !== undefined) expect(bodies(parts).flat()).toEqual(bodies(bytes)[0])
      })
    )
  })
})
