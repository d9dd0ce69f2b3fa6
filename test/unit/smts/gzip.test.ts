import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FLAGS, isReadableByGo } from '../../../src/smts/index.ts'
import { gunzip, gzip } from '../../../src/smts/gzip.ts'
import { join, randomBody, sameBytes } from '../../support/bytes.ts'
import { failureOf } from '../../support/failures.ts'
import { pattern } from '../../support/smts.ts'

const MIB = 1024 * 1024

describe('gzip', () => {
  it.for([1025, 70_000, MIB])('of %i bytes is read by zlib and by us', async size => {
    const zipped = (await gzip(pattern(size))) ?? new Uint8Array()
    expect(zipped.byteLength).toBeLessThan(size * 0.9)
    expect(sameBytes(gunzipSync(zipped), pattern(size))).toBe(true)
    expect(sameBytes(await gunzip(zipped, size), pattern(size))).toBe(true)
  })

  it('is spared where Go spares it', async () => {
    expect(await gzip(new Uint8Array(1024))).toBeUndefined()
    expect(await gzip(randomBody(5000))).toBeUndefined()
    expect(await gzip(new Uint8Array(0))).toBeUndefined()
  })

  it('makes every size one that Go can read, random data included', async () => {
    const sizes = Array.from({ length: 128 }, (_, i) => 65_536 + i)
    for (const size of sizes) {
      const data = randomBody(size)
      const zipped = await gzip(data)
      expect(zipped === undefined).toBe(isReadableByGo(size))
      if (zipped === undefined) continue
      expect(isReadableByGo(zipped.byteLength)).toBe(true)
      expect(() => encodeFrame(zipped, FLAGS.compressed)).not.toThrow()
      expect(sameBytes(gunzipSync(zipped), data)).toBe(true)
      expect(sameBytes(await gunzip(zipped, size), data)).toBe(true)
    }
  })
})

describe('gunzip', () => {
  const data = pattern(2000)
  const zipped = new Uint8Array(gzipSync(data))
  const codeOf = async (bytes: Uint8Array, max = MIB): Promise<string> => (await failureOf(gunzip(bytes, max))).code

  it('takes all that may be in a header', async () => {
    const fields: [number, Uint8Array][] = [
      [4, Uint8Array.of(3, 0, 1, 2, 3)],
      [8, Uint8Array.of(65, 66, 0)],
      [16, Uint8Array.of(67, 0)],
      [2, Uint8Array.of(1, 2)]
    ]
    for (let choice = 0; choice < 16; choice += 1) {
      const chosen = fields.filter((_, i) => (choice & (1 << i)) !== 0)
      const header = zipped.slice(0, 10)
      header[3] = chosen.reduce((sum, [bit]) => sum | bit, 0)
      const bytes = join(header, ...chosen.map(([, field]) => field), zipped.subarray(10))
      expect(sameBytes(await gunzip(bytes, 2000), data)).toBe(true)
    }
  })

  it('refuses more than the limit by what it says, before memory is taken', async () => {
    expect(await codeOf(zipped, 1999)).toBe('ERR_MESSAGE_TOO_LARGE')
  })

  it('refuses bombs and other lies about the size', async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(64 * MIB)))
    const lying = bomb.slice()
    new DataView(lying.buffer).setUint32(lying.byteLength - 4, 1000, true)
    expect(await codeOf(bomb)).toBe('ERR_MESSAGE_TOO_LARGE')
    expect(await codeOf(lying)).toBe('ERR_INVALID_FRAME')
    const more = zipped.slice()
    new DataView(more.buffer).setUint32(more.byteLength - 4, 2001, true)
    expect(await codeOf(more)).toBe('ERR_INVALID_FRAME')
  })

  it('refuses a checksum that does not hold, a second member, and what is no gzip', async () => {
    const wrong = zipped.slice()
    wrong[wrong.byteLength - 8] = (wrong.at(-8) ?? 0) ^ 1
    const reserved = zipped.slice()
    reserved[3] = 0x20
    for (const bytes of [wrong, join(zipped, zipped), reserved, new Uint8Array(0), pattern(100)]) {
      expect(await codeOf(bytes)).toBe('ERR_INVALID_FRAME')
    }
  })

  it('refuses it cut off anywhere', async () => {
    for (let cut = 0; cut < zipped.byteLength; cut += 1) {
      expect(['ERR_INVALID_FRAME', 'ERR_MESSAGE_TOO_LARGE']).toContain(await codeOf(zipped.subarray(0, cut)))
    }
  })

  it('takes or refuses anything, and throws nothing else', async () => {
    const bytes = fc.tuple(fc.nat(zipped.byteLength - 1), fc.nat(255)).map(([at, value]) => {
      const changed = zipped.slice()
      changed[at] = value
      return changed
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes, fc.uint8Array({ maxLength: 60 })), async changed => {
        const outcome = await gunzip(changed, MIB).then(
          plain => sameBytes(plain, data),
          (error: unknown) => error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_')
        )
        expect(outcome).toBe(true)
      })
    )
  })
})
