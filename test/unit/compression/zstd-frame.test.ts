import * as zlib from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { endOfFrame } from '../../../src/compression/zstd-frame.ts'
import { join, MIB, randomBody } from '../../support/bytes.ts'
import { jsonOf } from '../../support/codecs.ts'

const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag, ZSTD_c_windowLog } = zlib.constants

describe.runIf('zstdCompressSync' in zlib)('the end of a Zstandard frame', () => {
  const bodies = [0, 1, 255, 256, 65_791, 65_792, MIB].flatMap(size => [
    jsonOf(size),
    randomBody(size),
    new Uint8Array(size)
  ])

  it.each([
    ['as it comes', {}],
    ['with a checksum', { [ZSTD_c_checksumFlag]: 1 }],
    ['without its size', { [ZSTD_c_contentSizeFlag]: 0 }],
    ['with a small window and a checksum', { [ZSTD_c_windowLog]: 12, [ZSTD_c_checksumFlag]: 1 }]
  ])('is found in one %s', (_, params) => {
    for (const body of bodies) {
      const frame = zlib.zstdCompressSync(body, { params })
      expect(endOfFrame(frame)).toBe(frame.byteLength)
      expect(endOfFrame(join(frame, frame))).toBe(frame.byteLength)
      for (const missing of [1, 2, 3, 4, 5, frame.byteLength - 4]) {
        expect(endOfFrame(frame.subarray(0, frame.byteLength - missing))).toBeUndefined()
      }
    }
  })

  it('is not found in anything else', () => {
    const frame = zlib.zstdCompressSync(jsonOf(100))
    for (let at = 0; at < 4; at += 1) {
      const other = Uint8Array.from(frame)
      other[at] = 1
      expect(endOfFrame(other)).toBeUndefined()
    }
    expect(endOfFrame(new Uint8Array(0))).toBeUndefined()
  })

  it('is not found behind a block of the reserved type', () => {
    expect(endOfFrame(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 0b111, 0, 0))).toBeUndefined()
  })
})
