import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { crc32 } from '../../../src/smts/crc32.ts'

it('is the CRC-32 of zlib, at every length and alignment', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, from) => {
      const view = bytes.subarray(from)
      expect(crc32(view)).toBe(zlibCrc32(view))
    })
  )
})

it('has its check value', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcb_f4_39_26)
  expect(crc32(new Uint8Array(0))).toBe(0)
})
